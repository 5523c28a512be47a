/** The record by which a store says what it is: its version and the role it belongs to. */
import { PonosError } from '../base/error.js';
import type { KeyValueStore } from './key-value-store.js';
import { decodeJsonRecord, encodeJsonRecord } from './record-codec.js';
import { storeKey } from './store-key.js';

/** Raised when records change their shape; older stores are then migrated where this is checked. */
export const SCHEMA_VERSION = 1;

export type StoreRole = 'aggregator' | 'executor';

interface Schema {
  readonly version: number;
  readonly role: StoreRole;
}

const KEY = storeKey('schema');

/** Marks an empty store as ours, or checks that it is. @throws PonosError STORE_MISMATCH, STORE_CORRUPT */
export async function claimStore(store: KeyValueStore, role: StoreRole): Promise<void> {
  const record = await store.get(KEY);
  if (record === undefined) {
    const schema: Schema = { version: SCHEMA_VERSION, role };
    await store.batch([{ type: 'put', key: KEY, value: encodeJsonRecord(KEY, schema) }]);
    return;
  }
  const schema = decodeJsonRecord<Schema>(KEY, record);
  if (schema.role !== role) {
    throw new PonosError('STORE_MISMATCH', {
      message: `the store belongs to an ${schema.role}, this is an ${role}`,
      advice: 'Give each node a storage directory of its own.',
    });
  }
  if (schema.version > SCHEMA_VERSION) {
    throw new PonosError('STORE_MISMATCH', {
      message: 'the store was written by a newer version of ponos',
      facts: { storeVersion: schema.version, supportedVersion: SCHEMA_VERSION },
      advice: 'Run that version, or set another storage directory.',
    });
  }
}
