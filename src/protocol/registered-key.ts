/** Keys as KeyRegistrar holds them, and what verifies with them. Pure. */
import type { Address } from '../base/brands.js';
import { isPonosError } from '../base/error.js';
import type { Bn254, Bn254PublicKey } from '../crypto/bn254/bn254.js';
import { equalG1, equalG2 } from '../crypto/bn254/points.js';
import { recoverEcdsa } from '../crypto/ecdsa.js';

/** The key of one operator in one operator set; its curve is the operator set's. */
export type RegisteredKey =
  | { readonly curve: 'bn254'; readonly publicKey: Bn254PublicKey }
  | { readonly curve: 'ecdsa'; readonly address: Address };

export function equalKeys(a: RegisteredKey, b: RegisteredKey): boolean {
  if (a.curve === 'ecdsa') return b.curve === 'ecdsa' && a.address === b.address;
  return (
    b.curve === 'bn254' && equalG1(a.publicKey.g1, b.publicKey.g1) && equalG2(a.publicKey.g2, b.publicKey.g2)
  );
}

/** The key as a log shows it: the address, or the first bytes of the BN254 key's G1 half. */
export function describeKey(key: RegisteredKey): string {
  return key.curve === 'ecdsa'
    ? key.address
    : `bn254 g1.x 0x${key.publicKey.g1.x.toString(16).padStart(64, '0')}`;
}

/**
 * Whether `signature` was made over `digest` (32 bytes) with this key; BN254 by the plain hash-to-curve map, as
 * all messages between nodes are. Malformed signatures are merely not valid.
 */
export function verifiesWith(
  key: RegisteredKey,
  digest: Uint8Array,
  signature: Uint8Array,
  bn254: Pick<Bn254, 'parseSignature' | 'verify'>,
): boolean {
  try {
    if (key.curve === 'ecdsa') return recoverEcdsa(digest, signature) === key.address;
    return bn254.verify(key.publicKey.g2, digest, 'plain', bn254.parseSignature(signature));
  } catch (error) {
    if (isPonosError(error, 'SIGNATURE_INVALID') || isPonosError(error, 'POINT_INVALID')) return false;
    throw error;
  }
}
