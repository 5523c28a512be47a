/** Stores to be damaged, and what they hold. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type KeyValueStore, RECORD_KEYS } from '../../src/store/key-value-store.js';
import { openLevelStore } from '../../src/store/level-store.js';
import { decodeRecord } from '../../src/store/record-codec.js';

const FIXTURES = path.resolve('test/fixtures/stores');

/** Puts a copy of a fixture (`v1/executor`) there. */
export async function copyFixture(name: string, target: string): Promise<void> {
  await cp(path.join(FIXTURES, name), target, { recursive: true });
}

/** The file of a store directory whose name ends like this. */
export async function fileOf(dir: string, suffix: string): Promise<string> {
  const name = (await readdir(dir)).find((each) => each.endsWith(suffix) || each.startsWith(suffix));
  if (name === undefined) throw new Error(`no file like ${suffix} in ${dir}`);
  return path.join(dir, name);
}

/** Inverts all bits of one byte. */
export async function flipByte(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
  await writeFile(file, bytes);
}

/** Every record as the node reads it: what a scan shows and a look-up finds, checked; as hex by key. */
export async function contentOf(store: KeyValueStore): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for await (const { key, value } of store.scan(RECORD_KEYS)) {
    const found = await store.get(key);
    if (found === undefined || Buffer.compare(found, value) !== 0) throw new Error(`${key} is hidden`);
    content.set(key, Buffer.from(decodeRecord(key, value)).toString('hex'));
  }
  return content;
}

/** The records of a directory. */
export async function contentOfDir(dir: string): Promise<Map<string, string>> {
  const store = await openLevelStore({ dir, syncWrites: false });
  try {
    return await contentOf(store);
  } finally {
    await store.close();
  }
}
