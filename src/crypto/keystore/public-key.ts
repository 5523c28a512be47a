/** The public key that a BLS private key has in keystores and `.pub` files. */
import { toBigInt } from '../../base/bytes.js';

/** Curves of EIP-2335 keystores, by their `curveType`. */
export type BlsCurve = 'bn254' | 'bls381';

export const BLS_CURVES: readonly BlsCurve[] = ['bn254', 'bls381'];

/** Bytes of an uncompressed G2 point, by curve. */
export const PUBLIC_KEY_BYTES: Readonly<Record<BlsCurve, number>> = { bn254: 128, bls381: 192 };

/**
 * The G2 public key, uncompressed: 128 bytes (bn254) or 192 bytes (bls381), imaginary parts first.
 * @param secret big-endian
 * @throws PonosError KEY_INVALID when out of range
 */
export async function derivePublicKey(curve: BlsCurve, secret: Uint8Array): Promise<Uint8Array> {
  if (curve === 'bls381') {
    const { bls381PublicKey } = await import('../bls381.js');
    return bls381PublicKey(secret);
  }
  const [{ loadBn254 }, { encodeG2 }] = await Promise.all([
    import('../bn254/bn254.js'),
    import('../bn254/points.js'),
  ]);
  const bn254 = await loadBn254();
  return encodeG2(bn254.derivePublicKey(toBigInt(secret)).g2);
}
