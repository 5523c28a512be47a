/** A task submission after its fields were parsed: what every later stage of the executor works on. */
import { type Address, type OperatorSet, operatorSetKey, type TaskId } from '../base/brands.js';

export interface Submission {
  readonly taskId: TaskId;
  readonly operatorSet: OperatorSet;
  /** Claimed by the caller and not signed: it names the key to verify with, nothing more. */
  readonly aggregator: Address;
  readonly payload: Uint8Array;
  /** Over `submissionMessage`, which holds our own operator address. */
  readonly signature: Uint8Array;
  /** Unix seconds; names the operator table that the certificate is checked against. */
  readonly referenceTimestamp: number;
  /** L1 block as of which the AVS, its aggregators and their keys are read; any uint64. */
  readonly taskBlockNumber: bigint;
  /** Spelled as the caller spelled them: public peers compare the answer's strings with their own. */
  readonly spelled: { readonly taskId: string; readonly executorAddress: string };
}

/** By what a task is told from others here: an operator never signs two outputs for one of these. */
export function taskKey({ operatorSet, taskId }: Pick<Submission, 'operatorSet' | 'taskId'>): string {
  return `${operatorSetKey(operatorSet)}/${taskId}`;
}
