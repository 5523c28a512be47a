/** The port behind which everything is kept: memory, or LevelDB on disk. */

export type WriteOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: string };

/** Keys from `gte` up to, not including, `lt`, in ascending order unless reversed. */
export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
  /** At most so many entries, counted from where the scan begins. */
  readonly limit?: number;
  readonly reverse?: boolean;
}

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
}

/**
 * Values by printable ASCII keys (`store-key.ts`). Every method throws PonosError STORE_UNAVAILABLE
 * when the store is closed or cannot be read or written; a failed batch has changed nothing.
 */
export interface KeyValueStore {
  get(key: string): Promise<Uint8Array | undefined>;
  /** All of the operations or none; on the disk when it resolves. Later ones win over earlier ones. */
  batch(operations: readonly WriteOperation[]): Promise<void>;
  /** The entries as they were when the iteration began, whatever is written meanwhile. */
  scan(range: KeyRange): AsyncIterable<Entry>;
  /** Waits for what is under way. May be called again. */
  close(): Promise<void>;
}

/** What a store is made of: a `KeyValueStore` whose batches come one at a time, from the layer above (`ledger-store.ts`). */
export interface Database extends KeyValueStore {
  /** The values in the order of the keys. */
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  /** Called after a failed batch and before the next one: shows what is really kept. */
  renew(): Promise<void>;
}

/** The keys of a node's records: all but those by which the store watches over them, which begin with a tilde. */
export const RECORD_KEYS: KeyRange = { gte: '!', lt: '~' };

/** Every key there can be, whatever its bytes; a damaged one may have any. */
export const EVERY_KEY: KeyRange = { gte: '', lt: '\u00ff'.repeat(8) };
