/** The tasks and answers that an aggregator keeps. */
import type { Address, BlockNumber, ChainId, Hash32, TaskId } from '../base/brands.js';

export type StoredTaskStatus = 'pending' | 'processing' | 'completed' | 'failed';

/** The reason of a task whose block is no longer on the chain. It is revived when it is mined again. */
export const REORGED = 'reorged';

/** A task by the chain of its mailbox and its id. */
export interface TaskKey {
  readonly chainId: ChainId;
  readonly taskId: TaskId;
}

/** A task as its `TaskCreated` event tells it. */
export interface NewTask extends TaskKey {
  readonly creator: Address;
  readonly avs: Address;
  readonly operatorSetId: number;
  readonly referenceTimestamp: number;
  readonly payload: Uint8Array;
  readonly blockNumber: BlockNumber;
  readonly blockHash: Hash32;
  /** Time of the block, which is when the task was created. */
  readonly blockTimestampSeconds: number;
  /** Chain time after which no result is accepted. */
  readonly deadlineSeconds: number;
  /** When it was seen. */
  readonly createdAtMs: number;
}

/** What becomes of a task. */
export interface TaskProgress {
  readonly status: StoredTaskStatus;
  /** Why it failed, in a sentence, or `reorged`. */
  readonly reason?: string;
  /** The transaction that was last sent with its result. */
  readonly transactionHash?: Hash32;
  /** Hash of the output in that transaction's certificate. */
  readonly certifiedOutput?: Hash32;
  /** Its result was on chain at the latest in this block; a reorg of it may have taken the result back. */
  readonly settledAtBlock?: BlockNumber;
  /** Of its outputs only the certified one is kept any more. */
  readonly areOutputsSwept?: boolean;
  /** How often its result was submitted. */
  readonly attempts: number;
  readonly updatedAtMs: number;
}

export interface StoredTask extends NewTask, TaskProgress {}

/** A task without its payload. */
export type TaskRecord = Omit<StoredTask, 'payload'>;

/** What a step of a task changes, and when. */
export type TaskChange = Partial<TaskProgress> & { readonly updatedAtMs: number };

/** Finished tasks are never changed again, except by a reorg of their block or of their result's. */
export function isFinished({ status }: Pick<TaskProgress, 'status'>): boolean {
  return status === 'completed' || status === 'failed';
}

/** A response whose signatures were verified. */
export interface AcceptedAnswer {
  readonly operator: Address;
  readonly referenceTimestamp: number;
  readonly output: Uint8Array;
  readonly resultSignature: Uint8Array;
  readonly authSignature: Uint8Array;
  readonly receivedAtMs: number;
}

/** The same as it is read again: outputs may be long and many, so that each is read when it is needed. */
export interface KeptAnswer extends Omit<AcceptedAnswer, 'output'> {
  readonly outputHash: Hash32;
}
