/** The record by which a store says what it is: its version and the role it belongs to; and the way from older versions. */
import type { Address } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import type { KeyValueStore, WriteOperation } from './key-value-store.js';
import { corruptRecord, decodeJsonRecord, encodeJsonRecord } from './record-codec.js';
import { storeKey } from './store-key.js';

/** Raised when records change their shape, together with a migration. */
export const SCHEMA_VERSION = 1;

export type StoreRole = 'aggregator' | 'executor';

export interface Schema {
  readonly version: number;
  readonly role: StoreRole;
  /** Whose signatures an executor's store knows; unset until a node has opened it, or for an aggregator. */
  readonly operator?: Address;
}

/** From one version to the next one up. */
export interface Migration {
  readonly from: number;
  readonly to: number;
  /** Reads the store and says what is to be written; that happens in one atomic batch with the version. */
  readonly migrate: (store: KeyValueStore, role: StoreRole) => Promise<readonly WriteOperation[]>;
}

/** Every step since the first version. */
export const MIGRATIONS: readonly Migration[] = [];

export const SCHEMA_KEY = storeKey('schema');

/** Undefined for a store that nobody has claimed. @throws PonosError STORE_CORRUPT, STORE_UNAVAILABLE */
export async function readSchema(store: Pick<KeyValueStore, 'get'>): Promise<Schema | undefined> {
  const record = await store.get(SCHEMA_KEY);
  return record === undefined ? undefined : decodeSchema(record);
}

/** @throws PonosError STORE_CORRUPT */
export function decodeSchema(record: Uint8Array): Schema {
  const schema = decodeJsonRecord<Schema>(SCHEMA_KEY, record);
  if (schema.role === 'aggregator' || schema.role === 'executor') return schema;
  throw corruptRecord(SCHEMA_KEY, 'it names a role that does not exist');
}

export function schemaOperation(schema: Schema): WriteOperation {
  return { type: 'put', key: SCHEMA_KEY, value: encodeJsonRecord(SCHEMA_KEY, schema) };
}

export interface ClaimOptions {
  /** The operator of an executor that is about to use the store. */
  readonly operator?: Address | undefined;
  readonly version?: number;
  readonly migrations?: readonly Migration[];
}

/**
 * Marks an empty store as ours, or checks that it is, and brings an older one up to this version.
 * @throws PonosError STORE_MISMATCH, STORE_CORRUPT, STORE_UNAVAILABLE
 */
export async function claimStore(
  store: KeyValueStore,
  role: StoreRole,
  { operator: wanted, version = SCHEMA_VERSION, migrations = MIGRATIONS }: ClaimOptions = {},
): Promise<void> {
  const schema = await readSchema(store);
  if (schema === undefined) return store.batch([schemaOperation(named({ version, role }, wanted))]);
  checkSchema(schema, role, { operator: wanted, version });
  const operator = schema.operator ?? wanted;
  if (operator !== schema.operator) await store.batch([schemaOperation(named(schema, operator))]);
  for (let at = schema.version; at < version; ) {
    const step = migrations.find(({ from }) => from === at);
    if (step === undefined) throw noWay(at, version);
    const operations = await step.migrate(store, role);
    await store.batch([...operations, schemaOperation(named({ version: step.to, role }, operator))]);
    at = step.to;
  }
}

function named(schema: Schema, operator: Address | undefined): Schema {
  return operator === undefined ? schema : { ...schema, operator };
}

export interface CheckOptions extends Pick<ClaimOptions, 'operator' | 'version'> {
  /** Where the store is, for whoever reads the error. */
  readonly dir?: string;
}

/** @throws PonosError STORE_MISMATCH for another role's or operator's store and for one of a newer version */
export function checkSchema(
  schema: Schema,
  role: StoreRole,
  { operator, version = SCHEMA_VERSION, dir }: CheckOptions = {},
): void {
  const where = dir === undefined ? {} : { dir };
  if (schema.role !== role) {
    throw new PonosError('STORE_MISMATCH', {
      message: `the store belongs to an ${schema.role}, this is an ${role}`,
      facts: where,
      advice: 'Give each node a storage directory of its own.',
    });
  }
  if (operator !== undefined && schema.operator !== undefined && schema.operator !== operator) {
    throw new PonosError('STORE_MISMATCH', {
      message: `the store knows what operator ${schema.operator} has signed, and this node signs for ${operator}`,
      facts: where,
      advice:
        'Name the storage directory of this operator: in another one, what it has signed is not known, and could be signed again.',
    });
  }
  if (schema.version > version) {
    throw new PonosError('STORE_MISMATCH', {
      message: 'the store was written by a newer version of ponos',
      facts: { ...where, storeVersion: schema.version, supportedVersion: version },
      advice: 'Run that version, or set another storage directory.',
    });
  }
}

function noWay(storeVersion: number, supportedVersion: number): PonosError {
  return new PonosError('STORE_MISMATCH', {
    message: 'the store was written by a version of ponos that is too old to be migrated',
    facts: { storeVersion, supportedVersion },
    advice: 'Export it with that version, and import the export with this one.',
  });
}
