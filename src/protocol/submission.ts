/** What an aggregator signs when it hands a task to an executor. */
import type { Address, TaskId } from '../base/brands.js';
import { concatBytes, fromHex, padWord, word } from '../base/bytes.js';
import { keccak256 } from '../crypto/keccak.js';

/** The only version of the message there is; any other is refused. */
export const SUBMISSION_VERSION = 1;

export interface SubmissionFields {
  readonly taskId: TaskId;
  readonly avs: Address;
  /** The executor's operator address: an executor puts its own here, never the one in the request. */
  readonly executor: Address;
  readonly operatorSetId: number;
  readonly referenceTimestamp: number;
  readonly taskBlockNumber: bigint;
  readonly payload: Uint8Array;
}

/** The 224-byte preimage (seven words); its keccak-256 is signed, with the plain map for BN254. */
export function submissionMessage({ executor, ...common }: SubmissionFields): Uint8Array {
  return submissionMessages(common)(executor);
}

/** The messages to many executors: a payload of a mebibyte takes longer to hash than to sign for, and is hashed once. */
export function submissionMessages(
  fields: Omit<SubmissionFields, 'executor'>,
): (executor: Address) => Uint8Array {
  const payloadHash = keccak256(fields.payload);
  return (executor) =>
    concatBytes(
      fromHex(fields.taskId),
      padWord(fromHex(fields.avs)),
      padWord(fromHex(executor)),
      word(fields.operatorSetId),
      word(fields.referenceTimestamp),
      word(fields.taskBlockNumber),
      payloadHash,
    );
}
