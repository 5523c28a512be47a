/** Reading and writing enveloped records, for the typed stores. */
import { isPonosError, type PonosError } from '../base/error.js';
import type { KeyValueStore, WriteOperation } from './key-value-store.js';
import {
  corruptRecord,
  decodeJsonRecord,
  decodeRecord,
  encodeJsonRecord,
  encodeRecord,
} from './record-codec.js';

export const putJson = (key: string, value: unknown): WriteOperation => ({
  type: 'put',
  key,
  value: encodeJsonRecord(key, value),
});

export const putBytes = (key: string, content: Uint8Array): WriteOperation => ({
  type: 'put',
  key,
  value: encodeRecord(key, content),
});

export const remove = (key: string): WriteOperation => ({ type: 'delete', key });

/** @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
export async function readJson<T>(store: Pick<KeyValueStore, 'get'>, key: string): Promise<T | undefined> {
  const record = await store.get(key);
  return record === undefined ? undefined : decodeJsonRecord<T>(key, record);
}

/** @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
export async function readBytes(
  store: Pick<KeyValueStore, 'get'>,
  key: string,
): Promise<Uint8Array | undefined> {
  const record = await store.get(key);
  return record === undefined ? undefined : decodeRecord(key, record);
}

/** Bytes that another record refers to. @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT when they are missing */
export async function needBytes(store: Pick<KeyValueStore, 'get'>, key: string): Promise<Uint8Array> {
  const bytes = await readBytes(store, key);
  if (bytes === undefined) throw corruptRecord(key, 'it is missing');
  return bytes;
}

/** All JSON records of a range, in order. @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
export async function listJson<T>(
  store: Pick<KeyValueStore, 'scan'>,
  range: Parameters<KeyValueStore['scan']>[0],
): Promise<T[]> {
  const values: T[] = [];
  for await (const { key, value } of store.scan(range)) values.push(decodeJsonRecord<T>(key, value));
  return values;
}

/** What `read` gives, or that a record is damaged. */
export function readable<T>(read: () => T): T | PonosError {
  try {
    return read();
  } catch (error) {
    if (isPonosError(error, 'STORE_CORRUPT')) return error;
    throw error;
  }
}
