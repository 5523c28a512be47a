/** The store that a restart forgets: for trying things, for tests, and as the measure of LevelDB's cost. */
import { PonosError } from '../base/error.js';
import type { Database, Entry, KeyRange } from './key-value-store.js';
import { createLedgerStore, type LedgerStore } from './ledger-store.js';

export function createMemoryStore(): LedgerStore {
  return createLedgerStore(createMemoryDatabase());
}

export function createMemoryDatabase(): Database {
  const values = new Map<string, Uint8Array>();
  let closed = false;
  const checkOpen = () => {
    if (closed) throw new PonosError('STORE_UNAVAILABLE', { message: 'the store is closed' });
  };
  return {
    async get(key) {
      checkOpen();
      return values.get(key)?.slice();
    },
    async getMany(keys) {
      checkOpen();
      return keys.map((key) => values.get(key)?.slice());
    },
    async batch(operations) {
      checkOpen();
      for (const operation of operations) {
        if (operation.type === 'put') values.set(operation.key, operation.value.slice());
        else values.delete(operation.key);
      }
    },
    async *scan(range) {
      checkOpen();
      for (const { key, value } of select(values, range)) yield { key, value: value.slice() };
    },
    async renew() {
      checkOpen();
    },
    async close() {
      closed = true;
    },
  };
}

function select(values: ReadonlyMap<string, Uint8Array>, range: KeyRange): Entry[] {
  const entries = [...values]
    .filter(([key]) => key >= range.gte && key < range.lt)
    .map(([key, value]) => ({ key, value }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  if (range.reverse) entries.reverse();
  return entries.slice(0, range.limit);
}
