/**
 * What a block's header says of the logs in it: 2,048 bits, of which each address and topic sets three (Yellow Paper,
 * 4.4.3). A bit that is not set proves that there is no such log; set bits make it likely. Pure.
 */
import { fromHex } from '../base/bytes.js';
import { keccak256 } from '../crypto/keccak.js';
import type { LogFilter } from './client.js';

const BLOOM_BYTES = 256;
/** Above this share of set bits, one block in six would seem to have our logs: the header says nothing then. */
const MOST_SET = 0.75;

/** `absent`: no log fits. `likely`: one should be there. `unclear`: so many bits are set that every filter fits. */
export type BloomVerdict = 'absent' | 'likely' | 'unclear';

/** Positions of bits; by alternatives, of which one must be there, and all of these must. */
export type BloomPattern = readonly (readonly (readonly number[])[])[];

/** What a filter asks for, hashed once. */
export function bloomPattern({ addresses, topics }: LogFilter): BloomPattern {
  const positions = topics.filter((topic) => topic !== null);
  return [addresses, ...positions.map((topic) => [topic].flat())].map((alternatives) =>
    alternatives.map((value) => bitsOf(fromHex(value))),
  );
}

/** @param bloom the header's `logsBloom`; anything but 256 bytes is unclear */
export function judgeBloom(bloom: Uint8Array | undefined, pattern: BloomPattern): BloomVerdict {
  if (bloom?.length !== BLOOM_BYTES) return 'unclear';
  const isThere = (bits: readonly number[]) => bits.every((bit) => isSet(bloom, bit));
  if (!pattern.every((alternatives) => alternatives.some(isThere))) return 'absent';
  return shareOfSetBits(bloom) > MOST_SET ? 'unclear' : 'likely';
}

/** The three bits of an address or a topic: the low eleven of the hash's first three 16-bit words. */
function bitsOf(value: Uint8Array): number[] {
  const hash = keccak256(value);
  const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength);
  return [0, 2, 4].map((at) => view.getUint16(at) & 0x7ff);
}

/** Bit 0 is the lowest of the last byte. */
function isSet(bloom: Uint8Array, bit: number): boolean {
  const byte = bloom[BLOOM_BYTES - 1 - (bit >> 3)] ?? 0;
  return (byte & (1 << (bit & 7))) !== 0;
}

function shareOfSetBits(bloom: Uint8Array): number {
  let set = 0;
  for (const byte of bloom) for (let rest = byte; rest !== 0; rest &= rest - 1) set += 1;
  return set / (BLOOM_BYTES * 8);
}
