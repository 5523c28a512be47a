/**
 * BLS12-381 keys, for keygen alone: no role signs with them. Public keys are in G2, as the Go keygen has
 * them, while @chainsafe/bls keeps Ethereum's keys in G1: it makes and tries keys, noble shows them.
 */
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { concatBytes, toBigInt, word } from '../base/bytes.js';
import { PonosError } from '../base/error.js';

/** Number of points of both groups; private keys are 1 … order-1. */
export const BLS381_ORDER: bigint = bls12_381.fields.Fr.ORDER;

/**
 * secret·G2, uncompressed: 192 bytes `x.c1 ‖ x.c0 ‖ y.c1 ‖ y.c0`.
 * @throws PonosError KEY_INVALID
 */
export function bls381PublicKey(secret: Uint8Array): Uint8Array {
  const { x, y } = bls12_381.G2.Point.BASE.multiply(checkedSecret(secret)).toAffine();
  return concatBytes(...[x.c1, x.c0, y.c1, y.c0].map(coordinate));
}

/** A new private key, 32 bytes. */
export async function randomBls381Secret(): Promise<Uint8Array> {
  const { SecretKey } = await loadHerumi();
  return new Uint8Array(SecretKey.fromKeygen().toBytes());
}

/** Whether a signature made with the key verifies, and both libraries see the same key in it. */
export async function tryBls381Secret(secret: Uint8Array, message: Uint8Array): Promise<boolean> {
  const { SecretKey } = await loadHerumi();
  const expected = bls12_381.G1.Point.BASE.multiply(checkedSecret(secret)).toBytes(true);
  const key = SecretKey.fromBytes(secret);
  const publicKey = key.toPublicKey();
  return key.sign(message).verify(publicKey, message) && Buffer.compare(publicKey.toBytes(), expected) === 0;
}

async function loadHerumi() {
  const herumi = await import('@chainsafe/bls/herumi');
  // The module awaits this itself, but a bundle has no top-level await; a second call is free.
  await herumi.init();
  return herumi;
}

function checkedSecret(secret: Uint8Array): bigint {
  const scalar = toBigInt(secret);
  if (secret.length !== 32 || scalar === 0n || scalar >= BLS381_ORDER) {
    throw new PonosError('KEY_INVALID', {
      message: 'a BLS12-381 private key must be 32 bytes between 1 and the group order minus 1',
    });
  }
  return scalar;
}

/** 48 bytes; the field has 381 bits. */
function coordinate(value: bigint): Uint8Array {
  return concatBytes(word(value >> 256n).subarray(16), word(value & (2n ** 256n - 1n)));
}
