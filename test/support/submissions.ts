/** The recorded submissions of a public Go aggregator, as messages and as parts. */
import { parseAddress } from '../../src/base/brands.js';
import type { TaskSubmission } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { hexBytes, readVectorFile } from './vector-bytes.js';

interface RecordedCase {
  readonly input: {
    readonly avsAddress: string;
    readonly executorAddress: string;
    readonly operatorSetId: string;
    readonly payload: string;
    readonly referenceTimestamp: string;
    readonly taskBlockNumber: string;
    readonly taskId: string;
    readonly version: string;
  };
  readonly bn254: {
    readonly signature: string;
    readonly publicKeyBytes: string;
    readonly privateKeyHex: string;
  };
  readonly ecdsa: { readonly signature: string; readonly address: string; readonly privateKeyHex: string };
}

export const RECORDED_SUBMISSIONS: readonly RecordedCase[] = JSON.parse(
  readVectorFile('task-submission-digest.json').toString(),
).cases;

/** The aggregator's operator, whose address is not signed. */
export const AGGREGATOR = parseAddress('0xda8aea03320e43768b82c9b5294717af0ec35563');

/** A recorded submission with the signature of one curve. */
export function recordedSubmission(recorded: RecordedCase, curve: 'bn254' | 'ecdsa'): TaskSubmission {
  const { input } = recorded;
  return {
    taskId: input.taskId,
    aggregatorAddress: AGGREGATOR,
    avsAddress: input.avsAddress,
    payload: Buffer.from(hexBytes(input.payload)),
    signature: Buffer.from(hexBytes(recorded[curve].signature)),
    operatorSetId: Number(input.operatorSetId),
    referenceTimestamp: Number(input.referenceTimestamp),
    executorAddress: input.executorAddress,
    taskBlockNumber: BigInt(input.taskBlockNumber),
    version: Number(input.version),
  };
}

/** The first recorded submission, with an ECDSA signature. */
export function someSubmission(changes: Partial<TaskSubmission> = {}): TaskSubmission {
  const [recorded] = RECORDED_SUBMISSIONS;
  if (!recorded) throw new Error('no recorded submissions');
  return { ...recordedSubmission(recorded, 'ecdsa'), ...changes };
}
