/** Keccak-256, the hash of the EVM. */
import { keccak_256 } from '@noble/hashes/sha3.js';

/** Keccak-256 of the parts in a row; 32 bytes. */
export function keccak256(...parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...rest] = parts;
  if (first !== undefined && rest.length === 0) return keccak_256(first);
  const hash = keccak_256.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}
