/**
 * A program that fills the store in the folder argv[2] until it is killed, beginning at the number argv[3]: it prints
 * each number once its batch is acknowledged. Number n is under `note/n`, and is the value of `last`.
 */
import { openLevelStore } from '../../src/store/level-store.js';
import { encodeJsonRecord } from '../../src/store/record-codec.js';
import { storeKey } from '../../src/store/store-key.js';
import { claimStore } from '../../src/store/store-schema.js';

const WRITERS = 8;
const [, , dir = '', first = '0'] = process.argv;
const put = (key: string, value: number) =>
  ({ type: 'put', key, value: encodeJsonRecord(key, value) }) as const;

// A small buffer: tables are made, and logs are changed, while it is killed.
const store = await openLevelStore({ dir, syncWrites: true, writeBufferSizeBytes: 64 * 1024 });
await claimStore(store, 'executor');
let next = Number(first);
const write = async () => {
  for (;;) {
    const number = next++;
    await store.batch([put(storeKey('note', number), number), put(storeKey('last'), number)]);
    process.stdout.write(`${number}\n`);
  }
};
await Promise.all(Array.from({ length: WRITERS }, write));
