/** Stage 3, sign: two signatures by the key of the operator set's curve. Signers get preimages, never digests. */
import type { Address } from '../base/brands.js';
import { type Clock, untilAborted } from '../base/clock.js';
import { isRetryable, PonosError } from '../base/error.js';
import { pauseMsAfter } from '../base/growing-pause.js';
import type { Logger } from '../base/logger.js';
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

export interface SigningTime {
  readonly clock: Clock;
  /** By the monotonic clock; nobody takes the answer after it. */
  readonly deadlineMs: number;
  readonly logger: Logger;
}

/** Pauses between attempts; the last one repeats. */
const PAUSES_MS = [250, 500, 1_000, 2_000] as const;

/**
 * As `signResult`, and again while time may mend what is in the way: a remote signer may be down for a while, and
 * what was run is worth the rest of the task's time.
 * @throws PonosError as `signResult`: the last failure when the time is over; ABORTED
 */
export async function signInTime(
  work: ToSign,
  deps: SignDependencies,
  { clock, deadlineMs, logger }: SigningTime,
  signal: AbortSignal,
): Promise<ResultSignatures> {
  for (let failures = 0; ; failures++) {
    const pauseMs = pauseMsAfter(failures, PAUSES_MS);
    try {
      return await untilAborted(signResult(work, deps), signal);
    } catch (error) {
      const isLate = clock.monotonicMs() + pauseMs >= deadlineMs;
      if (isLate || !isRetryable(error)) throw error;
      if (failures === 0) {
        logger.warn('a result cannot be signed now, trying again until the deadline of its task', {
          error,
          advice: error.advice,
        });
      }
    }
    await clock.sleep(pauseMs, signal);
  }
}

/**
 * Signs an output for the certificate, and that signature for its sender.
 * @throws PonosError OPERATOR_KEY_MISMATCH without a key of the curve, and as `Signer.sign`
 */
async function signResult(work: ToSign, deps: SignDependencies): Promise<ResultSignatures> {
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
function certificatePreimage({ submission, output, curve, ecdsaVerifier }: ToSign): Uint8Array {
  const messageHash = taskMessageHash(submission.taskId, output);
  const { referenceTimestamp } = submission;
  return curve === 'bn254'
    ? bn254CertificatePreimage(referenceTimestamp, messageHash)
    : ecdsaCertificatePreimage(referenceTimestamp, messageHash, ecdsaDomainSeparator(ecdsaVerifier));
}
