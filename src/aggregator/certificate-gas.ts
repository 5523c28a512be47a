/** What a certificate will cost on chain, roughly: to be read in a log, never to be sent with. */
import type { CurveName } from '../crypto/curve.js';

export interface CertificateSize {
  readonly curve: CurveName;
  readonly signers: number;
  /** Non-signers in a BN254 certificate; 0 for ECDSA. */
  readonly witnesses: number;
  /** Those of them whose data the verifier has to prove and keep. */
  readonly paidWitnesses: number;
  /** The mailbox keeps the certificate and the output. */
  readonly certificateBytes: number;
  readonly outputBytes: number;
}

/** The transaction, the checks that do not depend on the number of operators, the task's other fields. */
const BASE_GAS: Readonly<Record<CurveName, number>> = { bn254: 250_000, ecdsa: 160_000 };
/** A recovery and the look-up of the signer's weight. */
const GAS_PER_ECDSA_SIGNER = 22_000;
/** Taking a non-signer out of the aggregate. */
const GAS_PER_WITNESS = 30_000;
/** Proving a witness and keeping its key and weights. */
const GAS_PER_PAID_WITNESS = 65_000;
/** A word that is stored, in the transaction and in the event. */
const GAS_PER_CERTIFICATE_WORD = 22_600;
const GAS_PER_OUTPUT_WORD = 26_000;

/** Gas of `submitResult` with this certificate, within a fifth or so; a hook's is not in it. */
export function certificateGas(size: CertificateSize): number {
  const words = (bytes: number) => Math.ceil(bytes / 32);
  return (
    BASE_GAS[size.curve] +
    (size.curve === 'ecdsa' ? size.signers * GAS_PER_ECDSA_SIGNER : 0) +
    size.witnesses * GAS_PER_WITNESS +
    size.paidWitnesses * GAS_PER_PAID_WITNESS +
    words(size.certificateBytes) * GAS_PER_CERTIFICATE_WORD +
    words(size.outputBytes) * GAS_PER_OUTPUT_WORD
  );
}
