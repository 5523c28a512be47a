/** Stage 3, sign: two signatures by the key of the operator set's curve. Signers get preimages, never digests. */
import type { Address } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import type { CurveName } from '../crypto/curve.js';
import {
  bn254CertificatePreimage,
  ecdsaCertificatePreimage,
  ecdsaDomainSeparator,
  resultAuthMessage,
  taskMessageHash,
} from '../protocol/result.js';
import type { Signer } from '../signer/signer.js';
import type { ResultSignatures } from '../store/executor-records.js';
import type { Submission } from './submission.js';

export interface SignDependencies {
  readonly operator: Address;
  readonly signers: Readonly<Partial<Record<CurveName, Pick<Signer, 'sign'>>>>;
}

export interface ToSign {
  readonly submission: Submission;
  readonly output: Uint8Array;
  readonly curve: CurveName;
  /** `ECDSACertificateVerifier` of the task's chain; only ECDSA digests hold it. */
  readonly ecdsaVerifier: Address;
}

/** Signs an output for the certificate, and that signature for its sender. @throws PonosError KEY_INVALID */
export async function signResult(work: ToSign, deps: SignDependencies): Promise<ResultSignatures> {
  const { submission, curve } = work;
  const signer = deps.signers[curve];
  if (!signer) {
    throw new PonosError('OPERATOR_KEY_MISMATCH', {
      message: `the operator set signs with ${curve}, and no such key is configured`,
      advice: `Configure operator.signingKeys.${curve === 'bn254' ? 'bls' : 'ecdsa'}.`,
    });
  }
  const resultSignature = await signer.sign(certificatePreimage(work), 'solidity');
  const authSignature = await signer.sign(
    resultAuthMessage({
      taskId: submission.taskId,
      avs: submission.operatorSet.avs,
      operator: deps.operator,
      operatorSetId: submission.operatorSet.id,
      resultSignature,
    }),
    'plain',
  );
  return { resultSignature, authSignature };
}

/** What the certificate verifier of this curve hashes and checks. */
export function certificatePreimage({ submission, output, curve, ecdsaVerifier }: ToSign): Uint8Array {
  const messageHash = taskMessageHash(submission.taskId, output);
  const { referenceTimestamp } = submission;
  return curve === 'bn254'
    ? bn254CertificatePreimage(referenceTimestamp, messageHash)
    : ecdsaCertificatePreimage(referenceTimestamp, messageHash, ecdsaDomainSeparator(ecdsaVerifier));
}
