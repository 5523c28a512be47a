/** The store on disk: LevelDB, synced writes, and a lock of our own. */
import path from 'node:path';
import { PonosError } from '../base/error.js';
import { makeFolder } from '../base/make-folder.js';
import { type Database, EVERY_KEY, type WriteOperation } from './key-value-store.js';
import { createLedgerStore, type LedgerStore } from './ledger-store.js';
import { acquireProcessLock, type ProcessLock } from './process-lock.js';
import { storeError } from './store-error.js';
import { createWitness } from './witness.js';

export interface LevelStoreOptions {
  /** Made with mode 0750 if it is not there; LevelDB's files in it have what the umask leaves of 0644. */
  readonly dir: string;
  /** False trusts the operating system with the last writes: a power cut may lose them. */
  readonly syncWrites: boolean;
  readonly writeBufferSizeBytes?: number;
  readonly cacheSizeBytes?: number;
  /** Whether a directory without the file CURRENT is damage and not an empty database. */
  readonly mustExist?: boolean;
}

/**
 * Opens the database, making it if there is none.
 * @throws PonosError STORE_LOCKED (by another process or by this one), STORE_CORRUPT, STORE_UNAVAILABLE
 */
export async function openLevelStore(options: LevelStoreOptions): Promise<LedgerStore> {
  const dir = path.resolve(options.dir);
  const lock = await lockStore(dir);
  try {
    const database = await openLevelDatabase({ ...options, dir });
    const witness = createWitness(dir);
    const store = createLedgerStore(database, {
      onWritten: (sequence) =>
        witness.record(sequence).catch((error) => {
          throw storeError(error, dir);
        }),
    });
    let closing: Promise<void> | undefined;
    const close = async () => {
      try {
        await store.close();
        await witness.close();
      } finally {
        await lock.release();
      }
    };
    return {
      ...store,
      close() {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Takes the directory for this process, making it if there is none. This comes before LevelDB is touched: a second
 * open in one process, although refused, would drop LevelDB's own lock and let other processes in. That lock remains
 * the guard across containers, where pids say nothing.
 * @throws PonosError STORE_LOCKED (by another process or by this one), STORE_UNAVAILABLE
 */
export async function lockStore(dir: string): Promise<ProcessLock> {
  try {
    await makeFolder(dir, 0o750);
    return await acquireProcessLock(path.join(dir, 'ponos.lock'), 'the storage directory');
  } catch (error) {
    throw storeError(error, dir);
  }
}

/**
 * LevelDB alone, in a directory that is locked already.
 * @throws PonosError STORE_LOCKED, STORE_CORRUPT, STORE_UNAVAILABLE
 */
export async function openLevelDatabase(options: LevelStoreOptions): Promise<Database> {
  const { dir, syncWrites: sync } = options;
  const wrap = (error: unknown) => {
    throw storeError(error, dir);
  };
  const level = await createLevel(options).catch(wrap);
  await level.open().catch(wrap);
  let closing: Promise<void> | undefined;
  let renewing: Promise<void> | undefined;

  async function reopen(): Promise<void> {
    if (closing !== undefined) throw new PonosError('STORE_UNAVAILABLE', { message: 'the store is closed' });
    await level.close();
    await level.open();
  }
  const renew = () => {
    renewing ??= reopen().finally(() => {
      renewing = undefined;
    });
    return renewing;
  };
  /** A disk that is full keeps it from being opened anew; then whoever wants it next tries again, readers too. */
  const ready = async () => {
    if (level.status !== 'open' && closing === undefined) await renew();
  };

  return {
    async get(key) {
      try {
        await ready();
        return level.getSync(key);
      } catch (error) {
        throw storeError(error, dir);
      }
    },
    async getMany(keys) {
      try {
        await ready();
        if (keys.length <= SYNC_LOOKUPS) return keys.map((key) => level.getSync(key));
        return await level.getMany([...keys]);
      } catch (error) {
        throw storeError(error, dir);
      }
    },
    batch: (operations) => level.batch(operations.map(toNative), { sync }).catch(wrap),
    async *scan({ gte, lt, limit, reverse }) {
      try {
        await ready();
        const iterator = level.iterator({
          gte,
          lt,
          limit: limit ?? -1,
          reverse: reverse ?? false,
          highWaterMarkBytes: SCAN_CHUNK_BYTES,
        });
        try {
          let entries = await iterator.nextv(SCAN_CHUNK);
          while (entries.length > 0) {
            // A thread reads on while these are looked at; who stops in between does not ask for what it finds.
            const next = iterator.nextv(SCAN_CHUNK);
            next.catch(() => undefined);
            for (const [key, value] of entries) yield { key, value };
            entries = await next;
          }
        } finally {
          await iterator.close();
        }
      } catch (error) {
        throw storeError(error, dir);
      }
    },
    renew: () => renew().catch(wrap),
    close() {
      closing ??= level.close().catch(wrap);
      return closing;
    },
  };
}

/**
 * Rewrites a database without what was deleted, in a directory that is locked already.
 * @throws PonosError STORE_LOCKED, STORE_CORRUPT, STORE_UNAVAILABLE
 */
export async function compactLevelDatabase(dir: string): Promise<void> {
  try {
    const level = await createLevel({ dir, syncWrites: true });
    // By itself it would open later, and not say why it cannot.
    await level.open();
    try {
      await level.compactRange(EVERY_KEY.gte, EVERY_KEY.lt);
    } finally {
      await level.close();
    }
  } catch (error) {
    throw storeError(error, dir);
  }
}

/**
 * A look-up takes some microseconds, most of them in LevelDB's memory; handing it to a thread costs ten times that. Only
 * many at once go there, since nothing else happens meanwhile.
 */
const SYNC_LOOKUPS = 64;

/** What is read at once and ahead: so many entries, or so many bytes, whichever is less. */
const SCAN_CHUNK = 1_000;
const SCAN_CHUNK_BYTES = 128 * 1024;

/** Keys byte by byte: in UTF-8 a damaged one could be neither named nor removed. */
const KEY_ENCODING = {
  name: 'latin1',
  format: 'buffer',
  encode: (key: string) => Buffer.from(key, 'latin1'),
  decode: (bytes: Buffer) => bytes.toString('latin1'),
} as const;

async function createLevel(options: LevelStoreOptions) {
  const { dir, writeBufferSizeBytes, cacheSizeBytes, mustExist } = options;
  const { ClassicLevel } = await loadLevel(dir);
  return new ClassicLevel<string, Uint8Array>(dir, {
    keyEncoding: KEY_ENCODING,
    valueEncoding: 'view',
    createIfMissing: mustExist !== true,
    ...(writeBufferSizeBytes && { writeBufferSize: writeBufferSizeBytes }),
    ...(cacheSizeBytes && { cacheSize: cacheSizeBytes }),
  });
}

/** Loading LevelDB needs a folder for its native part, and only the environment can name it this one. */
export function loadLevel(dir: string): Promise<typeof import('classic-level')> {
  process.env.PONOS_DATA_DIR ??= dir;
  return import('classic-level');
}

function toNative(operation: WriteOperation) {
  return operation.type === 'put' ? operation : ({ type: 'del', key: operation.key } as const);
}
