/** Whatever signs for the operator. */
import type { Address } from '../base/brands.js';
import type { Bn254PublicKey, HashMap } from '../crypto/bn254/bn254.js';

/**
 * Signers take preimages, not digests, because a remote signer hashes what it is given: the signature
 * is over keccak256(preimage). The same preimage always gives the same bytes.
 */
interface SignsPreimages {
  /** @param map how BN254 gets from the digest to the curve; without meaning for ECDSA */
  sign(preimage: Uint8Array, map: HashMap): Promise<Uint8Array>;
}

export interface Bn254Signer extends SignsPreimages {
  readonly curve: 'bn254';
  readonly publicIdentity: Bn254PublicKey;
}

export interface EcdsaSigner extends SignsPreimages {
  readonly curve: 'ecdsa';
  readonly publicIdentity: Address;
}

/** Signatures have 64 bytes (a G1 point) for BN254, 65 bytes (r, s, v) for ECDSA. */
export type Signer = Bn254Signer | EcdsaSigner;
