/** What is known of a task before any executor is asked: everything the later stages need, frozen. */
import type { Address } from '../base/brands.js';
import type { Bn254PublicKey } from '../crypto/bn254/bn254.js';
import type { CurveName } from '../crypto/curve.js';
import type { Consensus } from '../protocol/consensus.js';
import type { MerkleTree } from '../protocol/merkle.js';
import type { NewTask, TaskKey } from '../store/aggregator-records.js';

/** A task's name among the tasks of all chains. */
export function taskName(task: TaskKey): string {
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
  readonly task: NewTask;
  readonly curve: CurveName;
  readonly consensus: Consensus;
  /** Chain time after which no result is accepted: the task's deadline, or before it when the table gets too old. */
  readonly endsAtSeconds: number;
  /** All operators of the table, in its order. */
  readonly operators: readonly PlannedOperator[];
  /** Over the leaves of a BN254 table, for proofs of who did not sign; ECDSA certificates have none. */
  readonly leafTree?: MerkleTree;
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

/** From this time on waiting for more answers would risk the end: the last fifth of the task's time. */
export function collectingEndsAtSeconds({
  task,
  endsAtSeconds,
}: Pick<TaskPlan, 'task' | 'endsAtSeconds'>): number {
  return endsAtSeconds - (endsAtSeconds - task.blockTimestampSeconds) / 5;
}
