/**
 * Types that carry meaning. Values are parsed once, at the edge, by the functions here;
 * inside the program their shape is trusted.
 */
import { PonosError } from './error.js';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** `0x` followed by an even number of lower-case hex digits. */
export type Hex = Brand<`0x${string}`, 'Hex'>;
/** A 20-byte address, always lower case, so that equal addresses are equal strings. */
export type Address = Brand<`0x${string}`, 'Hex'> & { readonly __address: true };
/** The mailbox' 32-byte task hash, lower case. */
export type TaskId = Brand<`0x${string}`, 'Hex'> & { readonly __taskId: true };
/** A 32-byte value (block hash, message hash, tree root), lower case. */
export type Hash32 = Brand<`0x${string}`, 'Hex'> & { readonly __hash32: true };
/** EIP-155 chain id. */
export type ChainId = Brand<number, 'ChainId'>;
/** Height of a block on its chain. */
export type BlockNumber = Brand<number, 'BlockNumber'>;

/** An AVS's operator set, as the contracts name it. */
export interface OperatorSet {
  readonly avs: Address;
  readonly id: number;
}

const HEX = /^0x(?:[0-9a-f]{2})*$/;

function parseSized<T>(text: string, bytes: number, what: string): T {
  const lower = text.toLowerCase();
  if (!HEX.test(lower) || lower.length !== 2 + 2 * bytes) {
    throw new PonosError('VALUE_INVALID', {
      message: `${what} must be 0x and ${2 * bytes} hex digits`,
      facts: { found: text.slice(0, 80) },
    });
  }
  return lower as T;
}

/** Parses hex of any even length. @throws PonosError VALUE_INVALID */
export function parseHex(text: string): Hex {
  const lower = text.toLowerCase();
  if (!HEX.test(lower)) {
    throw new PonosError('VALUE_INVALID', {
      message: 'expected 0x and an even number of hex digits',
      facts: { found: text.slice(0, 80) },
    });
  }
  return lower as Hex;
}

/** Parses an address in any spelling (lower, upper, checksum). @throws PonosError VALUE_INVALID */
export function parseAddress(text: string): Address {
  return parseSized<Address>(text, 20, 'an address');
}

/** Parses a task id. @throws PonosError VALUE_INVALID */
export function parseTaskId(text: string): TaskId {
  return parseSized<TaskId>(text, 32, 'a task id');
}

/** Parses any 32-byte hash. @throws PonosError VALUE_INVALID */
export function parseHash32(text: string): Hash32 {
  return parseSized<Hash32>(text, 32, 'a 32-byte hash');
}

/** Brands a positive safe integer as a chain id. @throws PonosError VALUE_INVALID */
export function chainId(value: number | bigint): ChainId {
  return positiveInteger(value, 'a chain id', 1) as ChainId;
}

/** Brands a non-negative safe integer as a block number. @throws PonosError VALUE_INVALID */
export function blockNumber(value: number | bigint): BlockNumber {
  return positiveInteger(value, 'a block number', 0) as BlockNumber;
}

function positiveInteger(value: number | bigint, what: string, least: number): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < least) {
    throw new PonosError('VALUE_INVALID', {
      message: `${what} must be a whole number of at least ${least}`,
      facts: { found: String(value) },
    });
  }
  return number;
}

/** The text by which an operator set is a map key or a log field: `0x…/7`. */
export function operatorSetKey(operatorSet: OperatorSet): string {
  return `${operatorSet.avs}/${operatorSet.id}`;
}
