/** The layer that keeps the ledger: it adds to every batch what the store then holds, and groups batches that wait. */
import { createGroupWriter } from './group-writer.js';
import type { Database, KeyValueStore, WriteOperation } from './key-value-store.js';
import {
  advanceLedger,
  decodeLedger,
  EMPTY_LEDGER,
  LEDGER_KEY,
  type Ledger,
  ledgerOperation,
} from './ledger.js';

export interface LedgerStore extends KeyValueStore {
  /** What is kept, by namespace, as of the last batch. @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
  ledger(): Promise<Ledger>;
}

export interface LedgerStoreOptions {
  /** Told the sequence number of each batch when it is written and before it is acknowledged. */
  readonly onWritten?: (sequence: number) => Promise<void>;
}

export function createLedgerStore(database: Database, options: LedgerStoreOptions = {}): LedgerStore {
  let current: Ledger | undefined;
  let closing: Promise<void> | undefined;

  async function load(): Promise<Ledger> {
    const record = await database.get(LEDGER_KEY);
    return record === undefined ? EMPTY_LEDGER : decodeLedger(record);
  }

  /** Groups come one after the other: nothing changes between the reads and the write. */
  async function write(given: readonly WriteOperation[]): Promise<void> {
    // A ledger that comes along, from a backup say, is of another store.
    const operations = given.filter(({ key }) => key !== LEDGER_KEY);
    const before = current ?? (await load());
    const keys = [...new Set(operations.map(({ key }) => key))];
    const values = await database.getMany(keys);
    const after = advanceLedger(before, operations, new Map(keys.map((key, index) => [key, values[index]])));
    await database.batch([...operations, ledgerOperation(after)]);
    current = after;
    await options.onWritten?.(after.sequence);
  }

  const writer = createGroupWriter({
    write,
    async renew() {
      // Whether a failed batch is kept after all, only the database knows.
      current = undefined;
      await database.renew();
    },
  });

  return {
    get: (key) => database.get(key),
    scan: (range) => database.scan(range),
    batch: (operations) => (operations.length === 0 ? Promise.resolve() : writer.write(operations)),
    ledger: load,
    close() {
      closing ??= writer.idle().then(() => database.close());
      return closing;
    },
  };
}
