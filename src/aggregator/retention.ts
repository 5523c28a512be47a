/**
 * Retention: once no reorg within bounds can bring a task back, its outputs that were not certified leave the store, and
 * when it ended long ago all the rest.
 */
import type { BlockNumber, ChainId } from '../base/brands.js';
import { blockNumber } from '../base/brands.js';
import { type Clock, throwIfAborted } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { ChainClient } from '../chain/client.js';
import type { TaskRecord } from '../store/aggregator-records.js';
import type { AggregatorStore } from '../store/aggregator-store.js';

export interface SweptChain {
  readonly chainId: ChainId;
  readonly client: Pick<ChainClient, 'head' | 'block'>;
  readonly maxReorgDepth: number;
  readonly blockConfirmations: number;
}

export interface RetentionOptions {
  readonly store: Pick<AggregatorStore, 'sweepTasks' | 'sweepOutputs' | 'sweepBlocks' | 'sweepTransactions'>;
  readonly chains: readonly SweptChain[];
  readonly taskDays: number;
  readonly sweepSeconds: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The newest block that no reorg within bounds can replace. */
export interface FinalBlock {
  readonly number: BlockNumber;
  readonly timestampSeconds: number;
}

/** The outputs of tasks that ended before this have been swept. */
interface SeenOutputs {
  untilMs: number;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Sweeps now and after every pause, until the signal aborts. A sweep that fails is logged, and the next one goes on. */
export async function keepSwept(options: RetentionOptions, signal: AbortSignal): Promise<void> {
  const { clock, sweepSeconds, logger } = options;
  const seen: SeenOutputs = { untilMs: 0 };
  while (!signal.aborted) {
    try {
      await sweep(options, seen, signal);
    } catch (error) {
      if (signal.aborted) return;
      logger.warn('the store cannot be swept now, trying again later', { error });
    }
    await clock.sleep(sweepSeconds * 1_000, signal).catch(() => undefined); // the loop ends when it was aborted
  }
}

/** @throws PonosError ABORTED, STORE_UNAVAILABLE, STORE_CORRUPT */
async function sweep(options: RetentionOptions, seen: SeenOutputs, signal: AbortSignal): Promise<void> {
  const { store, chains, clock, logger } = options;
  const startMs = clock.nowMs();
  const begunMs = clock.monotonicMs();
  const keepMs = options.taskDays * DAY_MS;
  const finals = await finalBlocks(chains, logger);
  const watched = new Set(chains.map(({ chainId }) => chainId));
  const removed = { tasks: 0, outputs: 0, records: 0, damaged: 0, blocks: 0, transactions: 0 };
  /** Of a chain that is not watched any more nothing is known but the deadline. */
  const isOver = (task: TaskRecord, graceMs: number) =>
    watched.has(task.chainId)
      ? isOutOfReach(task, finals.get(task.chainId))
      : task.deadlineSeconds * 1_000 + graceMs < startMs;
  const mayLeave = (task: TaskRecord) => isOver(task, keepMs);
  for await (const batch of store.sweepTasks({ endedBeforeMs: startMs - keepMs, mayLeave })) {
    removed.tasks += batch.tasks;
    removed.records += batch.records;
    removed.damaged += batch.damaged;
    throwIfAborted(signal);
  }
  // A clock that was set back has let tasks end before those that were looked at.
  const endedFromMs = seen.untilMs <= startMs ? seen.untilMs : 0;
  let untilMs = startMs;
  const isFinal = (task: TaskRecord) => isOver(task, DAY_MS);
  for await (const { outputs, waitsSinceMs } of store.sweepOutputs({ endedFromMs, mayLeave: isFinal })) {
    removed.outputs += outputs;
    untilMs = Math.min(untilMs, waitsSinceMs ?? untilMs);
    throwIfAborted(signal);
  }
  seen.untilMs = untilMs;
  for (const { chainId } of chains) removed.blocks += await store.sweepBlocks(chainId);
  removed.transactions = await store.sweepTransactions();
  if (removed.damaged > 0) {
    logger.warn('records of tasks cannot be read and stay: `ponos storage verify` names them', {
      records: removed.damaged,
    });
  }
  const isNews = removed.tasks + removed.outputs + removed.transactions > 0;
  const log = isNews ? logger.info : logger.debug;
  log('the store was swept', { ...removed, tookMs: Math.round(clock.monotonicMs() - begunMs) });
}

/** Whether the deadline, the task's block and its result's are all below what a reorg can replace. */
export function isOutOfReach(
  task: Pick<TaskRecord, 'deadlineSeconds' | 'blockNumber' | 'settledAtBlock'>,
  final: FinalBlock | undefined,
): boolean {
  if (final === undefined || final.timestampSeconds <= task.deadlineSeconds) return false;
  return Math.max(task.blockNumber, task.settledAtBlock ?? 0) <= final.number;
}

/** Chains that cannot be asked now are left out, and keep their tasks until the next sweep. */
async function finalBlocks(
  chains: readonly SweptChain[],
  logger: Logger,
): Promise<ReadonlyMap<ChainId, FinalBlock>> {
  const finals = new Map<ChainId, FinalBlock>();
  for (const { chainId, client, maxReorgDepth, blockConfirmations } of chains) {
    try {
      const { number: head } = await client.head();
      const number = head - Math.max(maxReorgDepth, blockConfirmations);
      const block = number < 0 ? undefined : await client.block(blockNumber(number));
      if (block !== undefined) finals.set(chainId, block);
    } catch (error) {
      logger.warn('a chain cannot be asked now: its finished tasks are kept for longer', { chainId, error });
    }
  }
  return finals;
}
