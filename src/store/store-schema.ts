/** The record by which a store says what it is: its version and the role it belongs to. */
import { PonosError } from '../base/error.js';
import type { KeyValueStore } from './key-value-store.js';
import { decodeJsonRecord, encodeJsonRecord } from './record-codec.js';
import { storeKey } from './store-key.js';

/** Raised when records change their shape; older stores are then migrated where this is checked. */
export const SCHEMA_VERSION = 1;

export type StoreRole = 'aggregator' | 'executor';

export interface StoreSchema {
  readonly version: number;
  readonly role: StoreRole;
}

const KEY = storeKey('schema');

/** What the store says it is; undefined for one that nobody has claimed. @throws PonosError STORE_CORRUPT */
export async function readSchema(store: KeyValueStore): Promise<StoreSchema | undefined> {
  const record = await store.get(KEY);
  return record && decodeJsonRecord<StoreSchema>(KEY, record);
}

/** Marks an empty store as ours, or checks that it is. @throws PonosError STORE_MISMATCH, STORE_CORRUPT */
export async function claimStore(store: KeyValueStore, role: StoreRole): Promise<void> {
  const known = await readSchema(store);
  if (known === undefined) {
    const schema: StoreSchema = { version: SCHEMA_VERSION, role };
    await store.batch([{ type: 'put', key: KEY, value: encodeJsonRecord(KEY, schema) }]);
    return;
  }
  if (known.role !== role) {
    throw new PonosError('STORE_MISMATCH', {
      message: `the store belongs to an ${known.role}, this is an ${role}`,
      advice: 'Give each node a storage directory of its own.',
    });
  }
  if (known.version > SCHEMA_VERSION) {
    throw new PonosError('STORE_MISMATCH', {
      message: 'the store was written by a newer version of ponos',
      facts: { storeVersion: known.version, supportedVersion: SCHEMA_VERSION },
      advice: 'Run that version, or set another storage directory.',
    });
  }
}
