/**
 * What a store must hold, by namespace: how many records, and a digest over them. It is written in the same atomic
 * batch as the records themselves, as one record for all namespaces: whichever batch survives a damage says what all
 * the others have left. Pure.
 */
import { equalBytes } from '../base/bytes.js';
import type { WriteOperation } from './key-value-store.js';
import { decodeJsonRecord, encodeJsonRecord, recordMark } from './record-codec.js';
import { storeKey } from './store-key.js';

/** Namespaces that begin with a tilde belong to the store itself, and sort behind all others. */
export const LEDGER_KEY = storeKey('~ledger');

/** What one namespace holds. */
export interface Tally {
  readonly records: number;
  /** Sum of the marks of its records, modulo 2^64: no order, no scan, and every change shows. */
  readonly digest: bigint;
}

export interface Ledger {
  /** How many batches have been written since the store was made. */
  readonly sequence: number;
  readonly namespaces: ReadonlyMap<string, Tally>;
}

export const EMPTY_LEDGER: Ledger = { sequence: 0, namespaces: new Map() };
export const EMPTY_TALLY: Tally = { records: 0, digest: 0n };

/** The first part of a key. */
export function namespaceOf(key: string): string {
  const end = key.indexOf('/');
  return end < 0 ? key : key.slice(0, end);
}

/** The tally with one record more. */
export function withRecord({ records, digest }: Tally, value: Uint8Array): Tally {
  return { records: records + 1, digest: BigInt.asUintN(64, digest + recordMark(value)) };
}

function withoutRecord({ records, digest }: Tally, value: Uint8Array): Tally {
  return { records: records - 1, digest: BigInt.asUintN(64, digest - recordMark(value)) };
}

/** @param before values of the keys of all operations, as they were; it is not changed */
export function advanceLedger(
  { sequence, namespaces }: Ledger,
  operations: readonly WriteOperation[],
  before: ReadonlyMap<string, Uint8Array | undefined>,
): Ledger {
  const values = new Map(before);
  const tallies = new Map(namespaces);
  for (const operation of operations) {
    const { key } = operation;
    const namespace = namespaceOf(key);
    let tally = tallies.get(namespace) ?? EMPTY_TALLY;
    const old = values.get(key);
    if (old !== undefined) tally = withoutRecord(tally, old);
    const value = operation.type === 'put' ? operation.value : undefined;
    if (value !== undefined) tally = withRecord(tally, value);
    values.set(key, value);
    if (tally.records === 0) tallies.delete(namespace);
    else tallies.set(namespace, tally);
  }
  return { sequence: sequence + 1, namespaces: tallies };
}

/** The ledger as JSON; digests as 16 hex digits. */
interface LedgerRecord {
  readonly sequence: number;
  readonly namespaces: Readonly<Record<string, readonly [records: number, digest: string]>>;
}

export function ledgerOperation({ sequence, namespaces }: Ledger): WriteOperation {
  const record: LedgerRecord = {
    sequence,
    namespaces: Object.fromEntries(
      [...namespaces].map(([name, { records, digest }]) => [
        name,
        [records, digest.toString(16).padStart(16, '0')],
      ]),
    ),
  };
  return { type: 'put', key: LEDGER_KEY, value: encodeJsonRecord(LEDGER_KEY, record) };
}

/** @throws PonosError STORE_CORRUPT */
export function decodeLedger(value: Uint8Array): Ledger {
  const { sequence, namespaces } = decodeJsonRecord<LedgerRecord>(LEDGER_KEY, value);
  return {
    sequence,
    namespaces: new Map(
      Object.entries(namespaces).map(([name, [records, digest]]) => [
        name,
        { records, digest: BigInt(`0x${digest}`) },
      ]),
    ),
  };
}

/** Whether two values of a key are the same, absent ones included. */
export function isSameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}
