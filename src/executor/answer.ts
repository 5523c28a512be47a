/** Stage 5, answer: the message a caller gets. Public peers compare strings, so its own spelling comes back. */
import { RESULT_VERSION } from '../protocol/result.js';
import type { TaskResult } from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { ResultSignatures } from '../store/executor-records.js';
import type { Submission } from './submission.js';

/** An output with its signatures under one reference timestamp: all that a result says of its own. */
export interface Answer extends ResultSignatures {
  readonly output: Uint8Array;
}

export function taskResult(submission: Submission, answer: Answer): TaskResult {
  return {
    taskId: submission.spelled.taskId,
    operatorAddress: submission.spelled.executorAddress,
    output: Buffer.from(answer.output),
    resultSignature: Buffer.from(answer.resultSignature),
    avsAddress: submission.operatorSet.avs,
    operatorSetId: submission.operatorSet.id,
    authSignature: Buffer.from(answer.authSignature),
    version: RESULT_VERSION,
  };
}
