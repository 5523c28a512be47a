/** The ECDSA certificate: the signers' signatures, one after the other. */
import type { Address } from '../base/brands.js';
import { concatBytes } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { abiBytes, abiEncode, abiTuple, abiUint, abiWord } from './abi-encode.js';

const SIGNATURE_BYTES = 65;

/** `IECDSACertificateVerifier.ECDSACertificate`. */
export interface EcdsaCertificate {
  readonly referenceTimestamp: number;
  readonly messageHash: Uint8Array;
  /** 65 bytes per signer, in ascending order of signing address. */
  readonly sig: Uint8Array;
}

export interface EcdsaCertificateParts {
  readonly referenceTimestamp: number;
  readonly messageHash: Uint8Array;
  /** `signer` is the address **recovered** from the signature, not the operator's. In any order. */
  readonly signatures: readonly { readonly signer: Address; readonly signature: Uint8Array }[];
}

/** @throws PonosError INTERNAL without signatures, for one of another length, or for a signer named twice */
export function assembleEcdsaCertificate(parts: EcdsaCertificateParts): EcdsaCertificate {
  const { signatures } = parts;
  const distinct = new Set(signatures.map(({ signer }) => signer));
  const wellFormed = signatures.every(({ signature }) => signature.length === SIGNATURE_BYTES);
  if (signatures.length === 0 || distinct.size !== signatures.length || !wellFormed) {
    throw new PonosError('INTERNAL', {
      message: 'a certificate needs at least one signature, 65 bytes each, one per signer',
      facts: { signatures: signatures.length, signers: distinct.size },
    });
  }
  // Lower-case hex of equal length sorts as the numbers do, which is the verifier's order.
  const sorted = [...signatures].sort((a, b) => (a.signer < b.signer ? -1 : 1));
  return {
    referenceTimestamp: parts.referenceTimestamp,
    messageHash: parts.messageHash,
    sig: concatBytes(...sorted.map(({ signature }) => signature)),
  };
}

/** `abi.encode(certificate)`, equal to `TaskMailbox.getECDSACertificateBytes`. */
export function encodeEcdsaCertificate(certificate: EcdsaCertificate): Uint8Array {
  return abiEncode([
    abiTuple([
      abiUint(certificate.referenceTimestamp),
      abiWord(certificate.messageHash),
      abiBytes(certificate.sig),
    ]),
  ]);
}
