/**
 * Keys of the store: a namespace and parts, each of them ended by a slash, so that no key is a
 * prefix of another one by accident (chain 1 and chain 17000).
 */
import { PonosError } from '../base/error.js';
import type { KeyRange } from './key-value-store.js';

const PART = /^[!-.0-~]+$/; // printable ASCII without the slash
const NUMBER_DIGITS = 16;

/** Numbers become 16 hex digits, so that keys sort as the numbers do. @throws PonosError INTERNAL */
export function storeKey(namespace: string, ...parts: readonly (string | number)[]): string {
  return [namespace, ...parts].map((part) => `${encodePart(part)}/`).join('');
}

/** Whether a key could have been made by `storeKey`. */
export function isStoreKey(key: string): boolean {
  return /^([!-.0-~]+\/)+$/.test(key);
}

/** All keys that begin with these parts. */
export function keysBelow(namespace: string, ...parts: readonly (string | number)[]): KeyRange {
  const prefix = storeKey(namespace, ...parts);
  return { gte: prefix, lt: `${prefix.slice(0, -1)}0` }; // '0' follows '/' in ASCII
}

function encodePart(part: string | number): string {
  if (typeof part === 'number') {
    if (Number.isSafeInteger(part) && part >= 0) return part.toString(16).padStart(NUMBER_DIGITS, '0');
  } else if (PART.test(part)) {
    return part;
  }
  throw new PonosError('INTERNAL', {
    message: 'a store key has a part that cannot be in one',
    facts: { part },
  });
}
