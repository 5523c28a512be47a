/** Making a damaged store usable again, without what is lost. What is bad is set aside, never thrown away. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { PonosError } from '../base/error.js';
import { type Examination, examineDatabase } from './examine-database.js';
import { type Database, EVERY_KEY, type WriteOperation } from './key-value-store.js';
import { ledgerOperation } from './ledger.js';
import { loadLevel, lockStore, openLevelDatabase } from './level-store.js';
import { encodeJsonRecord } from './record-codec.js';
import { copyDatabase, holdsDatabase } from './store-copy.js';
import { storeError } from './store-error.js';
import { storeKey } from './store-key.js';
import type { StoreProblem } from './store-problem.js';
import { SCHEMA_VERSION, type StoreRole, schemaOperation } from './store-schema.js';
import { verifyLocked } from './verify-store.js';
import { createWitness, readTestimony } from './witness.js';

/** Where records that cannot be used are kept, by the hex of their keys. */
export const QUARANTINE = '~quarantine';

/** A record that was set aside. */
export interface QuarantinedRecord {
  /** Byte by byte, as it was found. */
  readonly key: string;
  /** What is wrong with it. */
  readonly what: string;
  /** The value as it was found, Base64. */
  readonly value: string;
}

export interface Mended {
  /** What was wrong before. */
  readonly before: Examination;
  /** What the damage has cost, after all that could be read was read: records that are gone or were set aside. */
  readonly lost: readonly StoreProblem[];
  /** A folder with the files as they were; undefined when nothing was wrong. */
  readonly copy: string | undefined;
}

/**
 * Mends the store of a stopped node, whatever is wrong with it. LevelDB's own repair first brings back what it can,
 * unchecked; then every record is checked, and what remains is what the store holds from now on.
 * @param role for a store that does not say it any more
 * @throws PonosError STORE_LOCKED, STORE_UNAVAILABLE, and STORE_CORRUPT when even that does not help
 */
export async function mendStore(dir: string, role: StoreRole, nowMs: number): Promise<Mended> {
  const place = path.resolve(dir);
  const lock = await lockStore(place);
  try {
    const before = await verifyLocked(place);
    if (before.problems.length === 0) return { before, lost: [], copy: undefined };
    const copy = path.join(place, `damaged-${nowMs}`);
    await copyDatabase(place, copy);
    if (await holdsDatabase(place)) {
      const { ClassicLevel } = await loadLevel(place);
      await ClassicLevel.repair(place);
      // Where LevelDB puts the files it has no more use for; the copy has them too.
      await rm(path.join(place, 'lost'), { recursive: true, force: true });
    }
    return { before, lost: await settleStore(place, role, before.found.sequence), copy };
  } catch (error) {
    throw storeError(error, place);
  } finally {
    await lock.release();
  }
}

/**
 * Sets bad records aside, of a store that LevelDB can read, and takes what is left for what it holds.
 * @returns what was wrong
 */
export async function containLosses(dir: string, role: StoreRole): Promise<readonly StoreProblem[]> {
  const place = path.resolve(dir);
  const lock = await lockStore(place);
  try {
    return await settleStore(place, role, 0);
  } catch (error) {
    throw storeError(error, place);
  } finally {
    await lock.release();
  }
}

/** @param sequence number of a batch that is known of from elsewhere */
async function settleStore(dir: string, role: StoreRole, sequence: number): Promise<StoreProblem[]> {
  const testimony = await readTestimony(dir);
  const database = await openLevelDatabase({ dir, syncWrites: true });
  try {
    const lost: StoreProblem[] = [];
    let examination = await examineDatabase(database, testimony);
    lost.push(...examination.problems);
    // Setting a record aside leaves others that name it: each round goes one step further.
    for (
      let round = 0, records = keyed(examination);
      records.size > 0;
      round++, records = keyed(examination)
    ) {
      if (round === MOST_ROUNDS) throw unmendable(dir, records.size);
      await database.batch(await setAside(database, records));
      examination = await examineDatabase(database, testimony);
      lost.push(...[...keyed(examination).values()]);
    }
    const { schema, found } = examination;
    const next = Math.max(found.sequence, sequence) + 1;
    if (schema === undefined) await database.batch([schemaOperation({ version: SCHEMA_VERSION, role })]);
    const settled = schema === undefined ? (await examineDatabase(database, testimony)).found : found;
    await database.batch([ledgerOperation({ ...settled, sequence: next })]);
    const witness = createWitness(dir);
    await witness.record(next);
    await witness.close();
    return lost;
  } finally {
    await database.close();
  }
}

/** Damaged record, what names it, what names that; and two more. */
const MOST_ROUNDS = 5;

function unmendable(dir: string, records: number): PonosError {
  return new PonosError('STORE_CORRUPT', {
    message: 'bad records cannot be removed from the store',
    facts: { dir, records },
    advice: 'Restore the storage directory from a backup.',
  });
}

function keyed({ problems }: Examination): Map<string, StoreProblem> {
  return new Map(problems.flatMap((problem) => (problem.key === undefined ? [] : [[problem.key, problem]])));
}

/** Records that only a scan finds are good, and are written anew; the others go into quarantine. */
async function setAside(
  database: Database,
  records: ReadonlyMap<string, StoreProblem>,
): Promise<WriteOperation[]> {
  const operations: WriteOperation[] = [];
  for await (const { key, value } of database.scan(EVERY_KEY)) {
    const problem = records.get(key);
    if (problem === undefined) continue;
    if (problem.kind === 'hidden-record') {
      operations.push({ type: 'put', key, value });
      continue;
    }
    const place = storeKey(QUARANTINE, Buffer.from(key, 'latin1').toString('hex'));
    const record: QuarantinedRecord = {
      key,
      what: problem.what,
      value: Buffer.from(value).toString('base64'),
    };
    operations.push(
      { type: 'put', key: place, value: encodeJsonRecord(place, record) },
      { type: 'delete', key },
    );
  }
  return operations;
}
