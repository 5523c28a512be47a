/** The store of a node that does not run, looked at without changing it. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isPonosError, PonosError } from '../../base/error.js';
import { examineDatabase } from '../../store/examine-database.js';
import type { Database } from '../../store/key-value-store.js';
import { lockStore, openLevelDatabase } from '../../store/level-store.js';
import { onCopy } from '../../store/store-copy.js';
import { cannotWrite, storeError } from '../../store/store-error.js';
import { describeProblem, type StoreProblem } from '../../store/store-problem.js';
import type { StoreRole } from '../../store/store-schema.js';
import { readTestimony } from '../../store/witness.js';
import type { ProgressOutput } from '../terminal.js';
import type { StoreDirectory } from './select-store.js';
import { type StoreContent, storeContent } from './store-content.js';

export interface StoppedStore {
  /** For reading: it is a copy that goes away. */
  readonly store: Database;
  readonly content: StoreContent;
  readonly dir: string;
}

/**
 * Opens a copy of the store for the action: LevelDB changes a database by opening it, and a damaged one for the worse.
 * Tables are shared with the copy, so it costs little.
 * @throws PonosError STORE_MISSING, STORE_LOCKED, STORE_MISMATCH, STORE_CORRUPT, STORE_UNAVAILABLE, and what the action
 *   throws
 */
export async function withStoppedStore<T>(
  { dir: named, role }: StoreDirectory,
  action: (opened: StoppedStore) => Promise<T>,
): Promise<T> {
  const dir = path.resolve(named);
  return withLockedStore(dir, () =>
    onCopy(dir, async (copy) => {
      const store = await openLevelDatabase({ dir: copy, syncWrites: false }).catch((cause: unknown) => {
        throw cannotOpen(dir, cause);
      });
      try {
        const content = await storeContent(store).catch(async (error: unknown) => {
          // Only ours has that file: what does not say whose it is has lost that.
          if ((await readTestimony(dir)) !== 'missing') await requireSound({ store, dir });
          throw error;
        });
        if (role !== undefined) requireRole(content.role, role);
        return await action({ store, content, dir });
      } finally {
        await store.close();
      }
    }),
  );
}

/** Runs the action while no other process can use the store. @throws PonosError STORE_MISSING, STORE_LOCKED, STORE_CORRUPT */
export async function withLockedStore<T>(dir: string, action: () => Promise<T>): Promise<T> {
  await requireDatabase(dir);
  const lock = await lockStore(dir).catch((error: unknown) => {
    throw noRoom(inUse(error));
  });
  try {
    return await action();
  } catch (error) {
    throw noRoom(isFileError(error) ? storeError(error, dir) : error);
  } finally {
    await lock.release();
  }
}

/**
 * To be asked before a store is written to: what root makes in it would be closed to the node that runs as its owner, and
 * that one would not start any more.
 * @throws PonosError USAGE
 */
export async function refuseForRoot(dir: string, user = process.getuid?.()): Promise<void> {
  if (user !== 0) return;
  const owner = await stat(dir).then(
    ({ uid }) => uid,
    () => undefined, // whoever uses the directory says what is wrong with it
  );
  if (owner === undefined || owner === user) return;
  throw new PonosError('USAGE', {
    message:
      'the storage directory belongs to another user, and this is root: its node could not open the new files',
    facts: { dir, owner },
    advice: `Run the command as that user, with \`sudo -u '#${owner}'\` before it.`,
  });
}

/**
 * Whether everything that was written is there.
 * @throws PonosError STORE_CORRUPT, naming the first problem
 */
export async function requireSound(opened: Pick<StoppedStore, 'store' | 'dir'>): Promise<void> {
  const problems = await problemsOf(opened);
  const [first] = problems;
  if (first === undefined) return;
  throw new PonosError('STORE_CORRUPT', {
    message: `the store is damaged: ${describeProblem(first)}`,
    facts: { dir: opened.dir, problems: problems.length },
    advice: '`ponos storage verify` lists everything that is damaged; an earlier backup can be restored.',
  });
}

/** For who is shown a store: of a damaged one it may be a part, and nothing in it tells. */
export async function warnOfDamage(
  opened: Pick<StoppedStore, 'store' | 'dir'>,
  stderr: Pick<ProgressOutput, 'write'>,
): Promise<void> {
  const [first] = await problemsOf(opened);
  if (first === undefined) return;
  stderr.write(
    `ponos: the store is damaged, and what is shown may not be all: ${describeProblem(first)}\n` +
      '  → `ponos storage verify` lists everything that is damaged.\n',
  );
}

async function problemsOf({ store, dir }: Pick<StoppedStore, 'store' | 'dir'>): Promise<StoreProblem[]> {
  const { problems } = await examineDatabase(store, await readTestimony(dir));
  // Without that file only the very last batches are in doubt; a copied store has none.
  return problems.filter(({ kind }) => kind !== 'no-witness');
}

/** Opening it would make a database of any directory. @throws PonosError STORE_MISSING, STORE_CORRUPT, STORE_UNAVAILABLE */
async function requireDatabase(dir: string): Promise<void> {
  if (!(await requireSomething(dir)).includes('CURRENT')) {
    throw new PonosError('STORE_CORRUPT', {
      message: 'the database is damaged: its file CURRENT is missing',
      facts: { dir },
      advice: '`ponos storage verify` lists everything that is damaged; an earlier backup can be restored.',
    });
  }
}

const STORE_FILE = /^(CURRENT|MANIFEST-\d+|\d+\.(ldb|log|sst)|ponos\.sequence)$/;

/**
 * The names in a directory that holds a store, be it a damaged one.
 * @throws PonosError STORE_MISSING, STORE_UNAVAILABLE
 */
export async function requireSomething(dir: string): Promise<readonly string[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw storeError(error, dir);
  });
  if (names?.some((name) => STORE_FILE.test(name))) return names;
  throw new PonosError('STORE_MISSING', {
    message: names === undefined ? 'there is no such directory' : 'the directory holds no store of ponos',
    facts: { dir },
    advice: names?.includes('level')
      ? `Try ${path.join(dir, 'level')}.`
      : 'Check the path: it is storage.level.dir, or the folder level in storage.badger.dir.',
  });
}

/** @throws PonosError STORE_MISMATCH */
export function requireRole(found: StoreRole, expected: StoreRole): void {
  if (found === expected) return;
  throw new PonosError('STORE_MISMATCH', {
    message: `the store belongs to an ${found}, not to an ${expected}`,
    advice: 'Check --role and the directory.',
  });
}

/** A store in use is what these commands meet most often. */
export function inUse(error: unknown): unknown {
  if (!isPonosError(error, 'STORE_LOCKED')) return error;
  return new PonosError('STORE_LOCKED', {
    message: error.message,
    facts: error.facts,
    advice:
      'Stop that node first; of a running one, `backup`, `export` and `stats` are had with --node HOST:PORT (its management port).',
    cause: error,
  });
}

/** Reading takes some room beside the store, which a full disk does not have; elsewhere there is. */
export function noRoom(error: unknown): unknown {
  if (!isPonosError(error, 'STORE_UNAVAILABLE') || !cannotWrite(error)) return error;
  return new PonosError('STORE_UNAVAILABLE', {
    message: error.message,
    facts: error.facts,
    advice:
      'The command needs some room there. Free some, or copy the directory of the stopped node to another disk (`cp -a`) and name the copy.',
    cause: error.cause,
  });
}

/** LevelDB has no better word for a file that is missing than for any other failure of its files. */
function cannotOpen(dir: string, cause: unknown): unknown {
  if (isPonosError(cause, 'STORE_LOCKED')) return inUse(cause);
  if (isPonosError(cause, 'STORE_UNAVAILABLE') && cannotWrite(cause)) return cause;
  return new PonosError('STORE_CORRUPT', {
    message: 'the database cannot be opened',
    facts: { dir },
    advice: '`ponos storage verify` lists everything that is damaged; an earlier backup can be restored.',
    cause,
  });
}

function isFileError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'syscall' in error;
}
