/** Bytes and hex: conversions and the 32-byte words of the ABI. */
import type { Hex } from './brands.js';

/** Lower-case hex with `0x`. */
export function toHex<T extends Hex = Hex>(bytes: Uint8Array): T {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}` as T;
}

/** Bytes of an already parsed hex value (`parseHex` and its kin). */
export function fromHex(hex: Hex): Uint8Array {
  return new Uint8Array(Buffer.from(hex.slice(2), 'hex'));
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** `value` as a big-endian unsigned 32-byte word. @throws RangeError outside 0 … 2^256-1 */
export function word(value: bigint | number): Uint8Array {
  const number = BigInt(value);
  if (number < 0n || number >> 256n !== 0n) throw new RangeError(`${number} does not fit 256 bits`);
  return new Uint8Array(Buffer.from(number.toString(16).padStart(64, '0'), 'hex'));
}

/** Up to 32 bytes, left-padded with zeros to a word. @throws RangeError for longer input */
export function padWord(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 32) throw new RangeError(`${bytes.length} bytes do not fit a word`);
  const padded = new Uint8Array(32);
  padded.set(bytes, 32 - bytes.length);
  return padded;
}

/** Big-endian bytes as an unsigned integer; empty bytes are 0. */
export function toBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(toHex(bytes));
}
