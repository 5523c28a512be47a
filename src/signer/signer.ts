/** Whatever signs for the operator. */
import type { TransactionLike } from 'ethers';
import type { Address } from '../base/brands.js';
import type { Bn254PublicKey, HashMap } from '../crypto/bn254/bn254.js';

/**
 * Signers take preimages, not digests, because a remote signer hashes what it is given: the signature
 * is over keccak256(preimage). A key in this process gives the same bytes for the same preimage each time; a remote
 * one need not.
 */
interface SignsPreimages {
  /**
   * @param map how BN254 gets from the digest to the curve; without meaning for ECDSA
   * @throws PonosError of a remote signer: SIGNER_UNAVAILABLE, SIGNER_UNTRUSTED, SIGNER_REFUSED, SIGNER_MISMATCH
   */
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

/** The key that pays for transactions. */
export interface TransactionKey {
  readonly address: Address;
  /**
   * The signed transaction as hex, ready to be sent.
   * @throws PonosError as `sign`
   */
  signTransaction(transaction: TransactionLike): Promise<string>;
}
