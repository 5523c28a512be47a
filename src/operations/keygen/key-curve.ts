/** The curves keygen makes keys for, and what it can say of a key on each of them. */
import type { Address } from '../../base/brands.js';
import { toBigInt, toHex } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import type { Secret } from '../../base/secret.js';

export type KeyCurve = 'bn254' | 'bls381' | 'ecdsa';

export const KEY_CURVES: readonly KeyCurve[] = ['bn254', 'bls381', 'ecdsa'];

/** A key's public side, ready to be shown. */
export interface PublicIdentity {
  readonly curve: KeyCurve;
  /** Uncompressed: G2 for the BLS curves (imaginary parts first), 65 bytes for ECDSA. */
  readonly publicKey: Uint8Array;
  /** ECDSA only. */
  readonly address?: Address;
  /** BN254 only, as the key registrar takes it: the half of the public key in G1, 64 bytes. */
  readonly publicKeyG1?: Uint8Array;
}

/** @throws PonosError USAGE */
export function parseKeyCurve(name: string): KeyCurve {
  const curve = KEY_CURVES.find((known) => known === name);
  if (curve === undefined) {
    throw new PonosError('USAGE', {
      message: `the curve type must be ${KEY_CURVES.join(', ')}`,
      facts: { found: name.slice(0, 40) },
    });
  }
  return curve;
}

/** @param secret 32 bytes @throws PonosError KEY_INVALID */
export async function publicIdentity(curve: KeyCurve, secret: Secret<Uint8Array>): Promise<PublicIdentity> {
  const bytes = secret.reveal();
  if (curve === 'ecdsa') {
    const { ecdsaAddress, ecdsaPublicKey } = await import('../../crypto/ecdsa.js');
    return { curve, publicKey: ecdsaPublicKey(bytes), address: ecdsaAddress(bytes) };
  }
  const { derivePublicKey } = await import('../../crypto/keystore/public-key.js');
  const publicKey = await derivePublicKey(curve, bytes);
  if (curve === 'bls381') return { curve, publicKey };
  const { loadBn254 } = await import('../../crypto/bn254/bn254.js');
  const { encodeG1 } = await import('../../crypto/bn254/points.js');
  const bn254 = await loadBn254();
  return { curve, publicKey, publicKeyG1: encodeG1(bn254.derivePublicKey(toBigInt(bytes)).g1) };
}

/** The identity as fields for people and for JSON: hex with 0x. */
export function describeIdentity(identity: PublicIdentity): Record<string, string> {
  return {
    curve: identity.curve,
    ...(identity.address === undefined ? {} : { address: identity.address }),
    publicKey: toHex(identity.publicKey),
    ...(identity.publicKeyG1 === undefined ? {} : { publicKeyG1: toHex(identity.publicKeyG1) }),
  };
}
