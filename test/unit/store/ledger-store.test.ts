import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import type { Database, WriteOperation } from '../../../src/store/key-value-store.js';
import { advanceLedger, EMPTY_LEDGER, LEDGER_KEY, ledgerOperation } from '../../../src/store/ledger.js';
import { createLedgerStore } from '../../../src/store/ledger-store.js';
import { createMemoryDatabase } from '../../../src/store/memory-store.js';
import { encodeRecord } from '../../../src/store/record-codec.js';

const put = (key: string, content: number): WriteOperation => ({
  type: 'put',
  key,
  value: encodeRecord(key, Uint8Array.of(content)),
});

/** A database whose next batches fail, with or without having kept what they held. */
function breakable() {
  const memory = createMemoryDatabase();
  const state: { next: 'works' | 'fails' | 'fails, but is kept'; renewals: number; batches: number } = {
    next: 'works',
    renewals: 0,
    batches: 0,
  };
  const database: Database = {
    ...memory,
    async batch(operations) {
      state.batches += 1;
      const { next } = state;
      state.next = 'works';
      if (next !== 'fails') await memory.batch(operations);
      if (next !== 'works') throw new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' });
    },
    async renew() {
      state.renewals += 1;
    },
  };
  return { database, state };
}

const recordsOf = async (store: ReturnType<typeof createLedgerStore>) => {
  const { sequence, namespaces } = await store.ledger();
  return { sequence, ...Object.fromEntries([...namespaces].map(([name, { records }]) => [name, records])) };
};

describe('createLedgerStore', () => {
  test('default: the ledger is written in the batch itself', async () => {
    const batches: string[][] = [];
    const memory = createMemoryDatabase();
    const store = createLedgerStore({
      ...memory,
      async batch(operations) {
        batches.push(operations.map(({ key }) => key));
        await memory.batch(operations);
      },
    });
    await store.batch([put('a/1/', 1), put('b/1/', 1)]);
    expect(batches).toEqual([['a/1/', 'b/1/', LEDGER_KEY]]);
    expect(await recordsOf(store)).toEqual({ sequence: 1, a: 1, b: 1 });
  });

  test('behavior: batches at the same time, of the same keys too, are counted once each', async () => {
    const { database, state } = breakable();
    const store = createLedgerStore(database);
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => store.batch([put(`a/${n % 60}/`, n), put('b/', n)])),
    );
    expect(await recordsOf(store)).toMatchObject({ a: 60, b: 1 });
    // Those that wait go together.
    expect(state.batches).toBeLessThan(10);
  });

  test('behavior: the count goes on where the last opening has left it', async () => {
    const database = createMemoryDatabase();
    await createLedgerStore(database).batch([put('a/1/', 1)]);
    const again = createLedgerStore(database);
    await again.batch([put('a/1/', 2), put('a/2/', 2)]);
    expect(await recordsOf(again)).toEqual({ sequence: 2, a: 2 });
  });

  test('behavior: the number of a batch is told before the batch is acknowledged', async () => {
    const log: string[] = [];
    const store = createLedgerStore(createMemoryDatabase(), {
      onWritten: async (sequence) => {
        await Promise.resolve();
        log.push(`written ${sequence}`);
      },
    });
    await store.batch([put('a/1/', 1)]).then(() => log.push('acknowledged'));
    expect(log).toEqual(['written 1', 'acknowledged']);
  });

  test('behavior: a ledger that comes in with records is not taken over', async () => {
    const store = createLedgerStore(createMemoryDatabase());
    const foreign = ledgerOperation(advanceLedger(EMPTY_LEDGER, [put('x/', 1)], new Map()));
    await store.batch([put('a/1/', 1), foreign]);
    expect(await recordsOf(store)).toEqual({ sequence: 1, a: 1 });
  });

  test.each(['fails', 'fails, but is kept'] as const)(
    'error: after a batch that %s, the count is that of the database',
    async (next) => {
      const { database, state } = breakable();
      const store = createLedgerStore(database);
      await store.batch([put('a/1/', 1)]);
      state.next = next;
      const failed = store.batch([put('a/2/', 1), put('b/1/', 1)]);
      await expect(failed).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      await Promise.all([store.batch([put('a/3/', 1)]), store.batch([put('a/4/', 1)])]);
      expect(state.renewals).toBe(1);
      const isKept = next === 'fails, but is kept';
      expect(await recordsOf(store)).toEqual(isKept ? { sequence: 3, a: 4, b: 1 } : { sequence: 2, a: 3 });
    },
  );
});
