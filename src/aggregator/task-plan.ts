/** What is known of a task before any executor is asked: everything the later stages need, frozen. */
import type { Address, BlockNumber, ChainId, Hash32, TaskId } from '../base/brands.js';
import type { Bn254PublicKey } from '../crypto/bn254/bn254.js';
import type { CurveName } from '../crypto/curve.js';
import type { Consensus } from '../protocol/consensus.js';

/** A task as its TaskCreated event tells it. */
export interface CreatedTask {
  readonly chainId: ChainId;
  readonly taskId: TaskId;
  readonly avs: Address;
  readonly operatorSetId: number;
  /** Unix seconds; names the operator table that the certificate is checked against. */
  readonly referenceTimestamp: number;
  readonly payload: Uint8Array;
  readonly blockNumber: BlockNumber;
  readonly blockHash: Hash32;
  /** Time of the task's block, Unix seconds. */
  readonly createdAtSeconds: number;
  /** The mailbox takes results up to this block time, Unix seconds. */
  readonly deadlineSeconds: number;
}

/** A task's name among the tasks of all chains. */
export function taskKey(task: Pick<CreatedTask, 'chainId' | 'taskId'>): string {
  return `${task.chainId}:${task.taskId}`;
}

/** The key an operator's signatures are verified with: the registered one, not the operator's address. */
export type OperatorKey =
  | { readonly curve: 'bn254'; readonly publicKey: Bn254PublicKey }
  | { readonly curve: 'ecdsa'; readonly signer: Address };

/** An operator of the task's table. */
export interface PlannedOperator {
  readonly operator: Address;
  /** Position in the table (BN254: among the leaves), equal to the operator's place in `TaskPlan.operators`. */
  readonly index: number;
  /** Per stake type. */
  readonly weights: readonly bigint[];
  readonly key: OperatorKey;
}

export interface TaskPlan {
  readonly task: CreatedTask;
  readonly curve: CurveName;
  readonly consensus: Consensus;
  /** All operators of the table, in its order. */
  readonly operators: readonly PlannedOperator[];
  /** Voting weight of the whole table. */
  readonly totalWeight: bigint;
  /** The L1 block as of which executors judge this aggregator's membership. */
  readonly taskBlockNumber: bigint;
  /** Curve of the aggregator's operator set: the key that signs submissions. */
  readonly aggregatorCurve: CurveName;
  /** Where the operators of the AVS publish their sockets. */
  readonly registrar: Address;
  /** EIP-712 domain of the ECDSA verifier on the task's chain. */
  readonly ecdsaDomainSeparator: Uint8Array;
}

/** From this time on waiting for more answers would risk the deadline: the last fifth of the task's time. */
export function collectingEndsAtSeconds(task: CreatedTask): number {
  return task.deadlineSeconds - (task.deadlineSeconds - task.createdAtSeconds) / 5;
}
