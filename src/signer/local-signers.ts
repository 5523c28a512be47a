/**
 * Signers that hold the key in this process. A signature takes half a millisecond or more of its one thread: whoever
 * needs many lets others at it in between.
 */
import { toBigInt } from '../base/bytes.js';
import type { Secret } from '../base/secret.js';
import { type Bn254, loadBn254 } from '../crypto/bn254/bn254.js';
import { ecdsaAddress, signEcdsa } from '../crypto/ecdsa.js';
import { keccak256 } from '../crypto/keccak.js';
import type { Bn254Signer, EcdsaSigner } from './signer.js';

/** @param secret 32 bytes, big-endian. @throws PonosError KEY_INVALID */
export async function createLocalBn254Signer(secret: Secret<Uint8Array>): Promise<Bn254Signer> {
  const bn254: Bn254 = await loadBn254();
  return {
    curve: 'bn254',
    publicIdentity: bn254.derivePublicKey(toBigInt(secret.reveal())),
    sign: async (preimage, map) => bn254.sign(toBigInt(secret.reveal()), keccak256(preimage), map),
  };
}

/** @param secret 32 bytes, big-endian. @throws PonosError KEY_INVALID */
export function createLocalEcdsaSigner(secret: Secret<Uint8Array>): EcdsaSigner {
  return {
    curve: 'ecdsa',
    publicIdentity: ecdsaAddress(secret.reveal()),
    sign: async (preimage) => signEcdsa(secret.reveal(), keccak256(preimage)),
  };
}
