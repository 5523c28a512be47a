/** The store on disk: LevelDB, synced writes, and a lock of our own. */
import path from 'node:path';
import type { ClassicLevel } from 'classic-level';
import { PonosError } from '../base/error.js';
import { makeFolder } from '../base/make-folder.js';
import { createGroupWriter } from './group-writer.js';
import type { KeyValueStore, WriteOperation } from './key-value-store.js';
import { acquireProcessLock, type ProcessLock } from './process-lock.js';
import { storeError } from './store-error.js';

export interface LevelStoreOptions {
  /** Made with mode 0750 if it is not there. */
  readonly dir: string;
  /** False trusts the operating system with the last writes: a power cut may lose them. */
  readonly syncWrites: boolean;
  readonly writeBufferSizeBytes?: number;
  readonly cacheSizeBytes?: number;
}

/**
 * Opens the database, making it if there is none.
 * @throws PonosError STORE_LOCKED (by another process or by this one), STORE_CORRUPT, STORE_UNAVAILABLE
 */
export async function openLevelStore(options: LevelStoreOptions): Promise<KeyValueStore> {
  const dir = path.resolve(options.dir);
  const wrap = (error: unknown) => {
    throw storeError(error, dir);
  };
  await makeFolder(dir, 0o750).catch(wrap);
  // Before LevelDB is touched: a second open in one process, although refused, would drop LevelDB's
  // own lock and let other processes in. That lock remains the guard across containers, where pids
  // say nothing.
  const lock = await acquireProcessLock(path.join(dir, 'ponos.lock'), 'the storage directory').catch(wrap);
  try {
    return levelStore(await openDatabase(dir, options), lock, dir, options.syncWrites);
  } catch (error) {
    await lock.release();
    throw storeError(error, dir);
  }
}

type Database = ClassicLevel<string, Uint8Array>;

async function openDatabase(dir: string, options: LevelStoreOptions): Promise<Database> {
  // Loading LevelDB needs a folder for its native part, and only the environment can name it this one.
  process.env.PONOS_DATA_DIR ??= dir;
  const { ClassicLevel } = await import('classic-level');
  const database: Database = new ClassicLevel(dir, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    ...(options.writeBufferSizeBytes && { writeBufferSize: options.writeBufferSizeBytes }),
    ...(options.cacheSizeBytes && { cacheSize: options.cacheSizeBytes }),
  });
  await database.open();
  return database;
}

function levelStore(database: Database, lock: ProcessLock, dir: string, sync: boolean): KeyValueStore {
  let closing: Promise<void> | undefined;
  const writer = createGroupWriter({
    write: (operations) => database.batch(operations.map(toNative), { sync }),
    async renew() {
      if (closing !== undefined)
        throw new PonosError('STORE_UNAVAILABLE', { message: 'the store is closed' });
      await database.close();
      await database.open();
    },
  });
  const close = async () => {
    try {
      await writer.idle();
      await database.close();
    } catch (error) {
      throw storeError(error, dir);
    } finally {
      await lock.release();
    }
  };
  return {
    async get(key) {
      try {
        return await database.get(key);
      } catch (error) {
        throw storeError(error, dir);
      }
    },
    async batch(operations) {
      try {
        await writer.write(operations);
      } catch (error) {
        throw storeError(error, dir);
      }
    },
    async *scan({ gte, lt, limit, reverse }) {
      try {
        const iterator = database.iterator({ gte, lt, limit: limit ?? -1, reverse: reverse ?? false });
        for await (const [key, value] of iterator) yield { key, value };
      } catch (error) {
        throw storeError(error, dir);
      }
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function toNative(operation: WriteOperation) {
  return operation.type === 'put' ? operation : ({ type: 'del', key: operation.key } as const);
}
