/** What is wrong with the store in a directory that no process uses. The directory stays as it is. */
import path from 'node:path';
import { explain, isPonosError } from '../base/error.js';
import { type Examination, examineDatabase } from './examine-database.js';
import type { Database, Entry } from './key-value-store.js';
import { EMPTY_LEDGER } from './ledger.js';
import { lockStore, openLevelDatabase } from './level-store.js';
import { holdsDatabase, onCopy } from './store-copy.js';
import { storeError } from './store-error.js';
import { readTestimony, type Testimony } from './witness.js';

/** Sees every entry pass; what it throws ends the examination. */
export type WatchEntries = (entries: AsyncIterable<Entry>) => AsyncIterable<Entry>;

/**
 * LevelDB opens a damaged log without a word, drops what it cannot read and removes the log. So it is let loose on a
 * copy: what is here can still be mended, or looked at by somebody who knows more.
 * @throws PonosError STORE_LOCKED when a process uses the directory, STORE_UNAVAILABLE when it cannot be read or written
 */
export async function verifyStore(dir: string, watch?: WatchEntries): Promise<Examination> {
  const place = path.resolve(dir);
  const lock = await lockStore(place);
  try {
    return await verifyLocked(place, watch);
  } finally {
    await lock.release();
  }
}

/** The same, for who has the lock already. */
export async function verifyLocked(dir: string, watch?: WatchEntries): Promise<Examination> {
  try {
    const testimony = await readTestimony(dir);
    if (!(await holdsDatabase(dir))) return withoutDatabase(testimony);
    return await onCopy(dir, (copy) => examineCopy(copy, testimony, watch));
  } catch (error) {
    throw storeError(error, dir);
  }
}

/** An empty or missing directory is sound, unless there once was a database in it. */
function withoutDatabase(testimony: Testimony): Examination {
  const nothing = { namespaces: [], found: EMPTY_LEDGER };
  if (testimony === 'missing' || testimony === 0) return { ...nothing, problems: [] };
  return {
    ...nothing,
    problems: [{ kind: 'unreadable', what: 'the files of the database are gone' }],
  };
}

async function examineCopy(
  copy: string,
  testimony: Testimony,
  watch: WatchEntries = (all) => all,
): Promise<Examination> {
  let database: Database;
  try {
    database = await openLevelDatabase({ dir: copy, syncWrites: false, mustExist: true });
  } catch (error) {
    if (!isDamage(error)) throw error;
    const what = `LevelDB cannot open the database: ${explain(error)}`;
    return { namespaces: [], problems: [{ kind: 'unreadable', what }], found: EMPTY_LEDGER };
  }
  try {
    const scan: Database['scan'] = (range) => watch(database.scan(range));
    return await examineDatabase({ ...database, scan }, testimony);
  } finally {
    await database.close();
  }
}

/** A file that is missing is damage as well, which LevelDB calls an error of input and output. */
function isDamage(error: unknown): boolean {
  return (
    isPonosError(error, 'STORE_CORRUPT') ||
    /No such file|does not exist|Invalid argument/.test(explain(error))
  );
}
