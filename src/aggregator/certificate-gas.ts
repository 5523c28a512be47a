/** What a certificate will cost on chain, roughly: to be read in a log, never to be sent with. */
import type { CurveName } from '../crypto/curve.js';

export interface CertificateSize {
  readonly curve: CurveName;
  readonly signers: number;
  /** Non-signers whose data the verifier has to prove and keep; 0 for ECDSA. */
  readonly paidWitnesses: number;
  /** Of the certificate and the output together: the mailbox keeps both. */
  readonly bytes: number;
}

/** The transaction, the checks that do not depend on the number of operators, the task's other fields. */
const BASE_GAS: Readonly<Record<CurveName, bigint>> = { bn254: 250_000n, ecdsa: 130_000n };
/** A recovery and the look-up of the signer's weight. */
const GAS_PER_ECDSA_SIGNER = 15_000n;
/** Proving a witness and keeping its key and weights. */
const GAS_PER_PAID_WITNESS = 150_000n;
/** A word that is stored, and its bytes in the transaction. */
const GAS_PER_WORD = 22_600n;

/** Gas of `submitResult` with this certificate, as it was seen with the contracts of 2025; a hook's is not in it. */
export function certificateGas({ curve, signers, paidWitnesses, bytes }: CertificateSize): bigint {
  const words = BigInt(Math.ceil(bytes / 32));
  const recovering = curve === 'ecdsa' ? BigInt(signers) * GAS_PER_ECDSA_SIGNER : 0n;
  return BASE_GAS[curve] + recovering + BigInt(paidWitnesses) * GAS_PER_PAID_WITNESS + words * GAS_PER_WORD;
}
