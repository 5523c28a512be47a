/** A store's records as one consistent whole, with what the store says of itself. */
import type { Address } from '../../base/brands.js';
import { isPonosError, PonosError } from '../../base/error.js';
import { type Entry, type KeyValueStore, RECORD_KEYS } from '../../store/key-value-store.js';
import {
  decodeLedger,
  EMPTY_TALLY,
  LEDGER_KEY,
  namespaceOf,
  type Tally,
  withRecord,
} from '../../store/ledger.js';
import { decodeRecord } from '../../store/record-codec.js';
import { readSchema, SCHEMA_VERSION, type StoreRole } from '../../store/store-schema.js';

export interface StoreContent {
  readonly role: StoreRole;
  /** Whose signatures an executor's store knows, if that is known. */
  readonly operator: Address | undefined;
  /** Of the records as they are; not newer than this program's. */
  readonly schemaVersion: number;
  /**
   * All records but those by which the store watches over itself, once, in the order of their keys, as they were when
   * the iteration began. They may be damaged.
   */
  entries(): AsyncIterable<Entry>;
  /**
   * The same, or those of one namespace, each record checked as it passes, and at the end that none is missing.
   * @throws PonosError STORE_CORRUPT
   */
  soundEntries(namespace?: string): AsyncIterable<Entry>;
}

/** Namespaces that begin with a tilde are made anew by whichever store the records are put into; they sort last. */
const OWN = '~';
const WHOLE_STORE = { gte: RECORD_KEYS.gte, lt: '\x7f' };

/** @throws PonosError STORE_MISSING when nobody has claimed the store, STORE_MISMATCH when it is newer, STORE_CORRUPT */
export async function storeContent(store: KeyValueStore): Promise<StoreContent> {
  const schema = await readSchema(store);
  if (schema === undefined) {
    throw new PonosError('STORE_MISSING', {
      message: 'the database does not say that it is a store of ponos',
      advice: 'Check the path; `ponos storage verify` tells whether the database is damaged.',
    });
  }
  const { role, operator, version } = schema;
  requireKnownSchema(version);
  return {
    role,
    operator,
    schemaVersion: version,
    entries: () => store.scan(RECORD_KEYS),
    soundEntries: (namespace) => soundEntries(store, namespace),
  };
}

/** @throws PonosError STORE_MISMATCH for what a newer version has written */
export function requireKnownSchema(version: number): void {
  if (version <= SCHEMA_VERSION) return;
  throw new PonosError('STORE_MISMATCH', {
    message: 'the store was written by a newer version of ponos',
    facts: { storeVersion: version, supportedVersion: SCHEMA_VERSION },
    advice: 'Use that version.',
  });
}

async function* soundEntries(store: KeyValueStore, only: string | undefined): AsyncGenerator<Entry> {
  const tallies = new Map<string, Tally>();
  const isMeant = (namespace: string) =>
    !namespace.startsWith(OWN) && (only === undefined || namespace === only);
  for await (const entry of store.scan(WHOLE_STORE)) {
    const { key, value } = entry;
    // Behind all records, and of the same moment.
    if (key === LEDGER_KEY) compare(tallies, decodeLedger(value).namespaces, isMeant);
    const namespace = namespaceOf(key);
    if (!isMeant(namespace)) continue;
    try {
      decodeRecord(key, value);
    } catch (error) {
      throw isPonosError(error, 'STORE_CORRUPT') ? damaged(error.message, { key }, error) : error;
    }
    tallies.set(namespace, withRecord(tallies.get(namespace) ?? EMPTY_TALLY, value));
    yield entry;
  }
}

/** Holes that a damaged database does not tell of. */
function compare(
  found: ReadonlyMap<string, Tally>,
  written: ReadonlyMap<string, Tally>,
  isMeant: (namespace: string) => boolean,
): void {
  for (const namespace of new Set([...found.keys(), ...written.keys()].filter(isMeant))) {
    const is = found.get(namespace) ?? EMPTY_TALLY;
    const was = written.get(namespace) ?? EMPTY_TALLY;
    if (is.records === was.records && is.digest === was.digest) continue;
    throw damaged('records are missing, or not those that were written', {
      namespace,
      found: is.records,
      written: was.records,
    });
  }
}

function damaged(message: string, facts: Record<string, string | number>, cause?: unknown): PonosError {
  return new PonosError('STORE_CORRUPT', {
    message,
    facts,
    advice: '`ponos storage verify` lists everything that is damaged; an earlier backup can be restored.',
    cause,
  });
}
