/**
 * The part of Solidity's ABI encoding that certificates and operator tables need: words, byte
 * strings, arrays and tuples. Written out because these bytes are hashed and signed, and because
 * this module then needs no library.
 */
import { concatBytes, padWord, word } from '../base/bytes.js';

/** An encoded value; a dynamic one is referred to by an offset in what encloses it. */
export interface AbiValue {
  readonly dynamic: boolean;
  readonly bytes: Uint8Array;
}

/** Any unsigned integer type, or bool as 0 or 1. */
export function abiUint(value: bigint | number): AbiValue {
  return { dynamic: false, bytes: word(value) };
}

/** bytes32 or address: at most 32 bytes, right-aligned. */
export function abiWord(bytes: Uint8Array): AbiValue {
  return { dynamic: false, bytes: padWord(bytes) };
}

/** bytes: length, then the content padded with zeros on the right to whole words. */
export function abiBytes(content: Uint8Array): AbiValue {
  const padded = new Uint8Array(Math.ceil(content.length / 32) * 32);
  padded.set(content);
  return { dynamic: true, bytes: concatBytes(word(content.length), padded) };
}

/** A struct, or a fixed-size array. */
export function abiTuple(members: readonly AbiValue[]): AbiValue {
  return { dynamic: members.some((member) => member.dynamic), bytes: abiEncode(members) };
}

/** An array of any length whose elements are of one type. */
export function abiArray(elements: readonly AbiValue[]): AbiValue {
  return { dynamic: true, bytes: concatBytes(word(elements.length), abiEncode(elements)) };
}

/** `abi.encode(...)` of these arguments: heads first, then the dynamic contents in order. */
export function abiEncode(values: readonly AbiValue[]): Uint8Array {
  const headLength = values.reduce((sum, value) => sum + (value.dynamic ? 32 : value.bytes.length), 0);
  const heads: Uint8Array[] = [];
  const tails: Uint8Array[] = [];
  let offset = headLength;
  for (const value of values) {
    if (value.dynamic) {
      heads.push(word(offset));
      tails.push(value.bytes);
      offset += value.bytes.length;
    } else {
      heads.push(value.bytes);
    }
  }
  return concatBytes(...heads, ...tails);
}
