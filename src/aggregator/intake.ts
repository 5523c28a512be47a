/**
 * Intake: everything there is to know of a task is read, each thing as of its own block, and the task
 * is refused with a reason before any executor is bothered with what can never be certified.
 */
import type { Address, BlockNumber } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import { type AvsSetup, readAvsSetup } from '../chain/avs-config.js';
import { createAllocationManager } from '../chain/contracts/allocation-manager.js';
import { createKeyRegistrar } from '../chain/contracts/key-registrar.js';
import type { TaskInfo } from '../chain/contracts/task-mailbox.js';
import type { OperatorTable } from '../chain/operator-table.js';
import type { OperatorTables, UsableTable } from '../chain/operator-tables.js';
import type { L1CoreAddresses } from '../config/known-chains.js';
import { type CurveName, curveNameOf } from '../crypto/curve.js';
import { type Consensus, consensusRefusal, decodeConsensus } from '../protocol/consensus.js';
import { TaskStatus } from '../protocol/enums.js';
import { votingWeight } from '../protocol/threshold.js';
import type { NewTask } from '../store/aggregator-records.js';
import type { ChainContext } from './chain-context.js';
import type { OperatorKey, TaskPlan } from './task-plan.js';

export interface IntakeOptions {
  readonly l1: Pick<ChainContext, 'chainId' | 'client'> & { readonly addresses: L1CoreAddresses };
  /** The task's chain; may be L1 itself. */
  readonly chain: ChainContext;
  readonly tables: OperatorTables;
  /** This aggregator's operator. */
  readonly aggregator: Address;
  /** Curves this node has a signing key of. */
  readonly signingCurves: ReadonlySet<CurveName>;
}

/** `verified`: somebody has submitted the result already. */
export type Intake = { readonly kind: 'planned'; readonly plan: TaskPlan } | { readonly kind: 'verified' };

/** What membership in the aggregator's operator set looks like at a block. */
export interface AggregatorStanding {
  readonly setup: AvsSetup;
  readonly isMember: boolean;
  /** Of the aggregator's operator set. */
  readonly curve: CurveName | undefined;
}

/**
 * Reads and judges a task.
 * @throws PonosError TASK_REFUSED with the reason, TASK_EXPIRED, AVS_UNKNOWN, and the client's when the chain cannot be read now
 */
export async function takeIn(task: NewTask, options: IntakeOptions): Promise<Intake> {
  const { chain, l1 } = options;
  const info = await chain.mailbox.getTaskInfo(task.taskId, 'latest');
  if (info.status === TaskStatus.verified) return { kind: 'verified' };
  const { curve, consensus } = judgeInfo(info, chain);
  const readTable = () =>
    options.tables.read({
      taskChain: chain.client,
      addresses: { ...l1.addresses, ...verifiersOf(chain) },
      operatorSet: info.operatorSet,
      curve,
      referenceTimestamp: info.referenceTimestamp,
      head: chain.time.head,
    });
  // A task on L1 has a block there; one on L2 is dated by its table's.
  const early = chain.chainId === l1.chainId ? undefined : await readTable();
  const taskBlock = early === undefined ? task.blockNumber : early.table.l1Block;
  const standing = await readStanding(task.avs, options, taskBlock);
  const aggregatorCurve = judgeStanding(task, standing, options, taskBlock);
  const usable = early ?? (await readTable());
  return {
    kind: 'planned',
    plan: planTask({ task, curve, consensus, taskBlock, standing, aggregatorCurve, usable, chain }),
  };
}

function verifiersOf({ addresses }: ChainContext) {
  const { bn254CertificateVerifier, ecdsaCertificateVerifier } = addresses;
  return { bn254CertificateVerifier, ecdsaCertificateVerifier };
}

/** The frozen config of the task: is it open, and of a kind that can be certified? */
export function judgeInfo(
  info: Pick<TaskInfo, 'status' | 'config'>,
  chain: Pick<ChainContext, 'name' | 'refusedCurves'>,
): { readonly curve: CurveName; readonly consensus: Consensus } {
  if (info.status === TaskStatus.expired) {
    throw new PonosError('TASK_EXPIRED', { message: 'the mailbox has closed the task' });
  }
  if (info.status !== TaskStatus.created) {
    // An endpoint that lags behind the one that told of the task; it catches up, or the block is gone.
    throw new PonosError('CHAIN_RPC', {
      message: 'the mailbox does not know the task yet',
      facts: { chain: chain.name },
    });
  }
  const curve = curveNameOf(info.config.curveType);
  if (curve === undefined)
    throw refused('the operator set of the task has no curve', { curveType: info.config.curveType });
  const refusal = chain.refusedCurves.get(curve);
  if (refusal !== undefined) throw refused(refusal, { curve, chain: chain.name });
  return {
    curve,
    consensus: decodeConsensus(info.config.consensus.consensusType, info.config.consensus.value),
  };
}

/** The AVS's set-up and this operator's place in it at an L1 block. All of it is kept by block. */
export async function readStanding(
  avs: Address,
  { l1, aggregator }: Pick<IntakeOptions, 'l1' | 'aggregator'>,
  at: BlockNumber,
): Promise<AggregatorStanding> {
  const { allocationManager, keyRegistrar } = l1.addresses;
  const setup = await readAvsSetup({ l1: l1.client, allocationManager, avs, at });
  const operatorSet = { avs, id: setup.aggregatorOperatorSetId };
  const [isMember, curveType] = await Promise.all([
    createAllocationManager(l1.client, allocationManager).isMemberOfOperatorSet(aggregator, operatorSet, at),
    createKeyRegistrar(l1.client, keyRegistrar).getOperatorSetCurveType(operatorSet, at),
  ]);
  return { setup, isMember, curve: curveNameOf(curveType) };
}

/** May this node hand out the task, and with which key? */
export function judgeStanding(
  task: Pick<NewTask, 'operatorSetId'>,
  { setup, isMember, curve }: AggregatorStanding,
  { aggregator, signingCurves }: Pick<IntakeOptions, 'aggregator' | 'signingCurves'>,
  block: BlockNumber,
): CurveName {
  if (!setup.executorOperatorSetIds.includes(task.operatorSetId)) {
    throw refused("the task's operator set is not one of the AVS's executor operator sets", {
      operatorSetId: task.operatorSetId,
    });
  }
  const { aggregatorOperatorSetId } = setup;
  if (!isMember) {
    throw refused("this operator is not a member of the AVS's aggregator operator set", {
      operator: aggregator,
      aggregatorOperatorSetId,
      block,
    });
  }
  if (curve === undefined)
    throw refused("the AVS's aggregator operator set has no curve", { aggregatorOperatorSetId });
  if (!signingCurves.has(curve)) {
    throw refused("this node has no signing key of the curve of the AVS's aggregator operator set", {
      curve,
      aggregatorOperatorSetId,
    });
  }
  return curve;
}

/** Everything the later stages need. @throws PonosError TASK_REFUSED when no certificate over the table can pass */
export function planTask(facts: {
  readonly task: NewTask;
  readonly curve: CurveName;
  readonly consensus: Consensus;
  readonly taskBlock: BlockNumber;
  readonly standing: AggregatorStanding;
  readonly aggregatorCurve: CurveName;
  readonly usable: UsableTable;
  readonly chain: Pick<ChainContext, 'ecdsaDomainSeparator'>;
}): TaskPlan {
  const { task, curve, consensus, standing } = facts;
  const { table, usableUntilSeconds } = facts.usable;
  const refusal = consensusRefusal(consensus, table.totalWeights);
  if (refusal !== undefined) throw refused(refusal);
  return Object.freeze({
    task,
    curve,
    consensus,
    endsAtSeconds: Math.min(task.deadlineSeconds, usableUntilSeconds),
    operators: operatorsOf(table),
    ...(table.curve === 'bn254' ? { leafTree: table.tree } : {}),
    totalWeight: votingWeight(table.totalWeights),
    taskBlockNumber: BigInt(facts.taskBlock),
    aggregatorCurve: facts.aggregatorCurve,
    registrar: standing.setup.registrar,
    ecdsaDomainSeparator: facts.chain.ecdsaDomainSeparator,
  });
}

function operatorsOf(table: OperatorTable): TaskPlan['operators'] {
  if (table.curve === 'bn254') {
    return table.members.map(({ key, ...member }) => ({
      ...member,
      key: { curve: 'bn254', publicKey: key } satisfies OperatorKey,
    }));
  }
  return table.members.map(({ key, ...member }) => ({
    ...member,
    key: { curve: 'ecdsa', signer: key } satisfies OperatorKey,
  }));
}

function refused(message: string, facts: PonosError['facts'] = {}): PonosError {
  return new PonosError('TASK_REFUSED', { message, facts });
}
