/** What every implementation of the key-value port promises. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Entry, KeyRange, KeyValueStore, WriteOperation } from '../../src/store/key-value-store.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const put = (key: string, value: string): WriteOperation => ({ type: 'put', key, value: bytes(value) });
const remove = (key: string): WriteOperation => ({ type: 'delete', key });
const all: KeyRange = { gte: '!', lt: '~' };

async function collect(entries: AsyncIterable<Entry>): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const { key, value } of entries) found.push([key, new TextDecoder().decode(value)]);
  return found;
}

/** @param open gives a new, empty store at each call; `dispose` takes away what it left */
export function describeKeyValueStore(
  name: string,
  open: () => Promise<{ store: KeyValueStore; dispose: () => Promise<void> }>,
): void {
  describe(`${name} as a key-value store`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let store: KeyValueStore;

    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(async () => {
      await store.close();
      await opened.dispose();
    });

    test('default: a missing key is undefined, a scan of nothing is empty', async () => {
      expect(await store.get('missing')).toBeUndefined();
      expect(await collect(store.scan(all))).toEqual([]);
    });

    test('behavior: a batch puts and deletes, later operations win', async () => {
      await store.batch([put('a', '1'), put('b', '2'), put('c', '')]);
      await store.batch([remove('a'), put('b', '3'), put('b', '4'), put('d', '5'), remove('d'), remove('x')]);
      expect(await collect(store.scan(all))).toEqual([
        ['b', '4'],
        ['c', ''],
      ]);
      expect(await store.get('c')).toHaveLength(0);
    });

    test('behavior: an empty batch is no error', async () => {
      await expect(store.batch([])).resolves.toBeUndefined();
    });

    test('behavior: a scan has its lower bound, not its upper one, in order, reversed and limited', async () => {
      await store.batch(['e', 'a', 'c', 'b', 'd'].map((key) => put(key, key)));
      const keys = async (range: KeyRange) => (await collect(store.scan(range))).map(([key]) => key).join('');
      expect(await keys({ gte: 'b', lt: 'e' })).toBe('bcd');
      expect(await keys({ gte: 'b', lt: 'e', reverse: true })).toBe('dcb');
      expect(await keys({ gte: 'b', lt: 'e', limit: 2 })).toBe('bc');
      expect(await keys({ gte: 'b', lt: 'e', limit: 2, reverse: true })).toBe('dc');
      expect(await keys({ gte: 'f', lt: 'z' })).toBe('');
    });

    test('behavior: a scan shows the store as it was when it began', async () => {
      await store.batch([put('a', '1'), put('b', '2')]);
      const seen: string[] = [];
      for await (const { key } of store.scan(all)) {
        seen.push(key);
        if (key === 'a') await store.batch([remove('b'), put('c', '3')]);
      }
      expect(seen).toEqual(['a', 'b']);
    });

    test('behavior: a scan may be left early', async () => {
      await store.batch([put('a', '1'), put('b', '2')]);
      for await (const { key } of store.scan(all)) {
        expect(key).toBe('a');
        break;
      }
      expect(await store.get('b')).toEqual(bytes('2'));
    });

    test('behavior: bytes are kept as they are, and not shared with the caller', async () => {
      const value = Uint8Array.from({ length: 256 }, (_, index) => index);
      const expected = value.slice();
      await store.batch([{ type: 'put', key: 'k', value }]);
      value.fill(0);
      const first = await store.get('k');
      expect(first && Uint8Array.from(first)).toEqual(expected);
      first?.fill(0);
      const second = await store.get('k');
      expect(second && Uint8Array.from(second)).toEqual(expected);
    });

    test('behavior: batches at the same time are all there', async () => {
      await Promise.all(Array.from({ length: 50 }, (_, n) => store.batch([put(`k${n}`, `${n}`)])));
      expect(await collect(store.scan(all))).toHaveLength(50);
    });

    test('behavior: any sequence of batches leaves what a map would hold', async () => {
      const key = fc.constantFrom('a/', 'b/', 'b/1/', 'b/10/', 'c/');
      const operation = fc.oneof(
        fc.tuple(key, fc.string({ maxLength: 5 })).map(([k, v]) => put(k, v)),
        key.map(remove),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(operation, { maxLength: 4 }), { maxLength: 5 }),
          async (batches) => {
            await store.batch(['a/', 'b/', 'b/1/', 'b/10/', 'c/'].map(remove));
            const model = new Map<string, string>();
            for (const batch of batches) {
              await store.batch(batch);
              for (const each of batch) {
                if (each.type === 'put') model.set(each.key, new TextDecoder().decode(each.value));
                else model.delete(each.key);
              }
            }
            expect(await collect(store.scan(all))).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
          },
        ),
        { numRuns: 40 },
      );
    });

    test('error: a closed store cannot be used, and may be closed again', async () => {
      await store.close();
      await store.close();
      const unavailable = expect.objectContaining({ code: 'STORE_UNAVAILABLE' });
      await expect(store.get('a')).rejects.toEqual(unavailable);
      await expect(store.batch([put('a', '1')])).rejects.toEqual(unavailable);
      await expect(collect(store.scan(all))).rejects.toEqual(unavailable);
    });
  });
}
