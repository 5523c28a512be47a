/** Reads every record of an open database and compares with the ledger. Nothing is changed. */
import { explain, isPonosError } from '../base/error.js';
import { type Database, type Entry, EVERY_KEY } from './key-value-store.js';
import {
  decodeLedger,
  EMPTY_TALLY,
  isSameValue,
  LEDGER_KEY,
  type Ledger,
  namespaceOf,
  type Tally,
  withRecord,
} from './ledger.js';
import { decodeRecord } from './record-codec.js';
import { isStoreKey } from './store-key.js';
import { danglingRecords, type StoreProblem } from './store-problem.js';
import { decodeSchema, SCHEMA_KEY, type Schema } from './store-schema.js';
import type { Testimony } from './witness.js';

export interface NamespaceUsage {
  readonly namespace: string;
  readonly records: number;
  /** Of keys and values, before LevelDB compresses them. */
  readonly bytes: number;
}

export interface Examination {
  /** Undefined for an empty store, and where the record is lost. */
  readonly schema?: Schema;
  readonly namespaces: readonly NamespaceUsage[];
  readonly problems: readonly StoreProblem[];
  /** What there is, by namespace, with the number of the last batch that is known of. */
  readonly found: Ledger;
}

/** Entries that are looked up by their keys at once. */
const LOOKUP_CHUNK = 1_000;

/** What was found of a namespace so far. */
interface Usage {
  tally: Tally;
  bytes: number;
}

interface Findings {
  readonly usage: Map<string, Usage>;
  readonly good: Set<string>;
  readonly problems: StoreProblem[];
  ledger: Ledger | undefined;
  schema: Schema | undefined;
}

/** @throws nothing for what is damaged; PonosError STORE_UNAVAILABLE when the database is closed meanwhile */
export async function examineDatabase(database: Database, testimony: Testimony): Promise<Examination> {
  const found: Findings = {
    usage: new Map(),
    good: new Set(),
    problems: [],
    ledger: undefined,
    schema: undefined,
  };
  const isWhole = await readAll(database, found);
  const { usage, problems, ledger, schema } = found;
  const tallies = new Map([...usage].map(([namespace, { tally }]) => [namespace, tally]));
  const isEmpty = tallies.size === 0 && ledger === undefined;
  if (isWhole && !isEmpty) {
    if (ledger !== undefined) problems.push(...compareTallies(ledger.namespaces, tallies, problems));
    else problems.push({ kind: 'no-ledger', what: 'the record of what the store must hold is missing' });
    if (schema === undefined) problems.push({ kind: 'no-schema', what: 'the record of its role is missing' });
    // Where nothing else is wrong, the records are as they were written.
    if (problems.length > 0) problems.push(...danglingRecords(schema?.role, found.good));
  }
  // A database that cannot be read to its end says nothing about the end of its log.
  if (isWhole || ledger !== undefined) problems.push(...compareTestimony(testimony, ledger?.sequence ?? 0));
  return {
    ...(schema && { schema }),
    namespaces: [...usage].map(([namespace, { tally, bytes }]) => ({
      namespace,
      records: tally.records,
      bytes,
    })),
    problems,
    found: {
      sequence: Math.max(ledger?.sequence ?? 0, typeof testimony === 'number' ? testimony : 0),
      namespaces: tallies,
    },
  };
}

/** False when the database cannot be read to the end. */
async function readAll(database: Database, found: Findings): Promise<boolean> {
  let chunk: Entry[] = [];
  let lookingUp: Promise<void> = Promise.resolve();
  try {
    for await (const entry of database.scan(EVERY_KEY)) {
      chunk.push(entry);
      noteEntry(entry, found);
      if (chunk.length < LOOKUP_CHUNK) continue;
      await lookingUp;
      // Goes on beside the scan; what it throws is thrown where it is awaited, unless the scan has failed first.
      lookingUp = lookUp(database, chunk, found);
      lookingUp.catch(() => undefined);
      chunk = [];
    }
    await lookingUp;
    await lookUp(database, chunk, found);
    return true;
  } catch (error) {
    if (!isPonosError(error, 'STORE_CORRUPT') && !isPonosError(error, 'STORE_UNAVAILABLE')) throw error;
    found.problems.push({
      kind: 'unreadable',
      what: `the database cannot be read to its end: ${explain(error)}`,
    });
    return false;
  }
}

function noteEntry({ key, value }: Entry, found: Findings): void {
  const namespace = namespaceOf(key);
  if (key !== LEDGER_KEY) {
    let usage = found.usage.get(namespace);
    if (usage === undefined) {
      usage = { tally: EMPTY_TALLY, bytes: 0 };
      found.usage.set(namespace, usage);
    }
    usage.tally = withRecord(usage.tally, value);
    usage.bytes += key.length + value.length;
  }
  try {
    if (key === LEDGER_KEY) found.ledger = decodeLedger(value);
    else if (key === SCHEMA_KEY) found.schema = decodeSchema(value);
    else decodeRecord(key, value);
    if (isStoreKey(key)) found.good.add(key);
    else found.problems.push({ kind: 'bad-record', what: 'its key is none of ours', namespace, key });
  } catch (error) {
    if (!isPonosError(error, 'STORE_CORRUPT')) throw error;
    found.problems.push({ kind: 'bad-record', what: error.message, namespace, key });
  }
}

/** A damaged filter or index lets a scan see what a look-up by key does not, which is how the node asks. */
async function lookUp(database: Database, chunk: readonly Entry[], found: Findings): Promise<void> {
  const values = await database.getMany(chunk.map(({ key }) => key));
  chunk.forEach(({ key, value }, index) => {
    if (isSameValue(values[index], value)) return;
    found.good.delete(key);
    const namespace = namespaceOf(key);
    found.problems.push({ kind: 'hidden-record', what: 'it is not found by its key', namespace, key });
  });
}

function compareTallies(
  namespaces: Ledger['namespaces'],
  tallies: Ledger['namespaces'],
  problems: readonly StoreProblem[],
): StoreProblem[] {
  const bad = new Map<string, number>();
  for (const { namespace } of problems) {
    if (namespace !== undefined) bad.set(namespace, (bad.get(namespace) ?? 0) + 1);
  }
  const differences: StoreProblem[] = [];
  for (const namespace of new Set([...namespaces.keys(), ...tallies.keys()])) {
    const written = namespaces.get(namespace) ?? EMPTY_TALLY;
    const there = tallies.get(namespace) ?? EMPTY_TALLY;
    const lost = written.records - there.records;
    if (lost > 0) {
      differences.push({
        kind: 'lost-records',
        what: `${lost} of ${written.records} records are gone`,
        namespace,
        records: lost,
      });
    } else if (-lost > (bad.get(namespace) ?? 0)) {
      differences.push({
        kind: 'returned-records',
        what: `${-lost} records are there that were deleted`,
        namespace,
        records: -lost,
      });
    } else if (written.digest !== there.digest && !bad.has(namespace)) {
      const what = 'as many records as were written, but not all of them the last that were written';
      differences.push({ kind: 'outdated-records', what, namespace });
    }
  }
  return differences;
}

function compareTestimony(testimony: Testimony, sequence: number): StoreProblem[] {
  if (testimony === 'damaged') return [{ kind: 'no-witness', what: 'the file ponos.sequence is damaged' }];
  if (testimony === 'missing') {
    return sequence === 0 ? [] : [{ kind: 'no-witness', what: 'the file ponos.sequence is missing' }];
  }
  const lost = testimony - sequence;
  if (lost <= 0) return [];
  return [{ kind: 'lost-tail', what: `the last ${lost} of ${testimony} batches are gone`, records: lost }];
}
