/**
 * Watching: from the logs of followed blocks to tasks in the store. The cursor and the tasks of a
 * block are saved in one write; only then are the tasks worked on.
 */
import type { Address, BlockNumber, ChainId, Hash32, TaskId } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Block, ChainLog } from '../chain/block.js';
import type { BlockTag, ChainClient } from '../chain/client.js';
import { decodeTaskCreated, type TaskCreatedEvent } from '../chain/contracts/task-mailbox.js';
import type { FollowedBlocks, Orphans } from '../chain/follower.js';
import { isFinished, type NewTask, type StoredTask, type TaskKey } from '../store/aggregator-records.js';
import type { AggregatorStore } from '../store/aggregator-store.js';

export interface WatchOptions {
  readonly chainId: ChainId;
  readonly client: Pick<ChainClient, 'block'>;
  readonly store: Pick<
    AggregatorStore,
    'saveBlock' | 'rewind' | 'cursor' | 'settledTasks' | 'reopen' | 'task'
  >;
  /** Whether the mailbox has the result of a task, as of a block. */
  readonly isVerified: (taskId: TaskId, at: BlockTag) => Promise<boolean>;
  /** Whether tasks of an AVS on this chain are ours. */
  readonly isServed: (avs: Address) => boolean;
  /** Whether those that were taken are ours to the end: of a deregistered AVS, too, and when they are mined again. */
  readonly finishes: (avs: Address) => boolean;
  /** New or revived tasks, and those whose result a reorg has undone; they are in the store now. */
  readonly onTasks: (tasks: readonly StoredTask[]) => void;
  /** Tasks whose block is gone; the store has them as failed. */
  readonly onReorged: (tasks: readonly StoredTask[]) => void;
  /** Told after every use whether the store works: a node that cannot store takes no work. */
  readonly onStoreHealth: (works: boolean) => void;
  /** Time of the chain now. */
  readonly nowSeconds: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Watch {
  readonly #options: WatchOptions;
  #undecodable = 0;
  /** One thing at a time: what is read of the past must not be stored behind a reorg that has undone it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Logs of the mailbox that named the event and did not decode. */
  get undecodableLogs(): number {
    return this.#undecodable;
  }

  /** For the follower's `onBlocks`. */
  blocks({ toBlock, logs }: FollowedBlocks): Promise<void> {
    return this.#inTurn(async () => {
      const { chainId, store, clock, onTasks } = this.#options;
      const events = await this.#eventsOf(logs);
      const [times, takenBack] = await Promise.all([
        this.#blockTimes(events, toBlock),
        this.#takenBackBy(toBlock.number),
      ]);
      const tasks = this.#tasksOf(events, times);
      const undone = { tasks: takenBack, nowMs: clock.nowMs() };
      const taken = await this.#stored(store.saveBlock(chainId, toBlock, tasks, undone));
      const reopened = new Set(takenBack.map(({ taskId }) => taskId));
      this.#tellOfReopened(taken.filter(({ taskId }) => reopened.has(taskId)));
      onTasks(taken);
    });
  }

  /** For the follower's `onTipReplaced`: results in blocks that the cursor has not reached may be gone. */
  tipReplaced(): Promise<void> {
    return this.#inTurn(async () => {
      const { chainId, store, clock, onTasks } = this.#options;
      const cursor = await store.cursor(chainId);
      if (cursor === undefined) return;
      const settled = await store.settledTasks(chainId, cursor.number);
      const tasks = await this.#withoutResult(settled, 'latest');
      if (tasks.length === 0) return;
      const reopened = await this.#stored(store.reopen({ tasks, nowMs: clock.nowMs() }));
      this.#tellOfReopened(reopened);
      onTasks(reopened);
    });
  }

  /** For the follower's `onReorg`. */
  reorg({ ancestor }: Orphans): Promise<void> {
    return this.#inTurn(async () => {
      const { chainId, store, clock, onReorged, onTasks } = this.#options;
      const changed = await this.#stored(store.rewind(chainId, ancestor, clock.nowMs()));
      onReorged(changed.filter(isFinished));
      const reopened = changed.filter((task) => !isFinished(task));
      this.#tellOfReopened(reopened);
      onTasks(reopened);
    });
  }

  /**
   * Takes up the living tasks of logs in blocks that were followed before, as `save` stores them.
   * @returns how many
   * @throws PonosError CHAIN_RPC when a log is of a block that is not on the chain any more, and what `save` throws
   */
  pastBlocks(
    logs: readonly ChainLog[],
    save: (tasks: readonly NewTask[]) => Promise<StoredTask[]>,
  ): Promise<number> {
    return this.#inTurn(async () => {
      const events = await this.#eventsOf(logs);
      const tasks = this.#tasksOf(events, await this.#canonicalTimes(events));
      const nowSeconds = this.#options.nowSeconds();
      const taken = await this.#stored(save(tasks.filter((task) => task.deadlineSeconds >= nowSeconds)));
      this.#options.onTasks(taken);
      return taken.length;
    });
  }

  /** Resolves when what was under way is done: whatever comes afterwards asks anew which AVSs are served. */
  settled(): Promise<void> {
    return this.#inTurn(async () => undefined);
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#last = result.catch((error: unknown) => {
      // Not only a write: after one that failed, whoever made it, the store may not even be read.
      if (isPonosError(error, 'STORE_UNAVAILABLE')) this.#options.onStoreHealth(false);
    });
    return result;
  }

  async #stored<T>(write: Promise<T>): Promise<T> {
    const result = await write;
    this.#options.onStoreHealth(true);
    return result;
  }

  /**
   * A result counts when the mailbox is asked at the head. Once the cursor reaches the block in which it was at the
   * latest, the chain is asked again: in between that block may have been replaced, and never been followed.
   */
  async #takenBackBy(block: BlockNumber): Promise<TaskKey[]> {
    const { chainId, store } = this.#options;
    const cursor = await store.cursor(chainId);
    if (cursor === undefined) return [];
    return this.#withoutResult(await store.settledTasks(chainId, cursor.number, block), block);
  }

  async #withoutResult(tasks: readonly TaskKey[], at: BlockTag): Promise<TaskKey[]> {
    const { isVerified } = this.#options;
    const verified = await Promise.all(
      tasks.map(({ taskId }) =>
        isVerified(taskId, at).catch((error: unknown) => {
          // Catching up, the block is so old that the node keeps no state of it, and nothing can replace it.
          if (isPonosError(error, 'CHAIN_NO_HISTORY')) return isVerified(taskId, 'latest');
          throw error;
        }),
      ),
    );
    return tasks.filter((_task, index) => verified[index] === false);
  }

  #tellOfReopened(tasks: readonly StoredTask[]): void {
    for (const { taskId, avs } of tasks) {
      this.#options.logger.warn(
        'the block with the result of a task was replaced; the task is taken up again',
        { taskId, avs },
      );
    }
  }

  async #eventsOf(logs: readonly ChainLog[]): Promise<TaskCreatedEvent[]> {
    const events = logs.flatMap((log) => this.#decode(log) ?? []);
    const isOurs = await Promise.all(events.map((event) => this.#isOurs(event)));
    return events.filter((_event, index) => isOurs[index]);
  }

  #tasksOf(events: readonly TaskCreatedEvent[], times: ReadonlyMap<Hash32, number>): NewTask[] {
    return events.map((event) => ({
      chainId: this.#options.chainId,
      taskId: event.taskId,
      creator: event.creator,
      avs: event.operatorSet.avs,
      operatorSetId: event.operatorSet.id,
      referenceTimestamp: event.referenceTimestamp,
      payload: event.payload,
      blockNumber: event.log.blockNumber,
      blockHash: event.log.blockHash,
      blockTimestampSeconds: timeOf(event.log, times),
      deadlineSeconds: event.deadlineSeconds,
      createdAtMs: this.#options.clock.nowMs(),
    }));
  }

  /** A log that makes no sense must not stop the cursor. */
  #decode(log: ChainLog): TaskCreatedEvent | undefined {
    try {
      return decodeTaskCreated(log);
    } catch (error) {
      this.#undecodable += 1;
      this.#options.logger.warn('a log of the mailbox was skipped', { error, block: log.blockNumber });
      return undefined;
    }
  }

  async #isOurs({ operatorSet, taskId }: TaskCreatedEvent): Promise<boolean> {
    const { chainId, store, logger, isServed, finishes } = this.#options;
    if (isServed(operatorSet.avs)) return true;
    if (finishes(operatorSet.avs) && (await store.task({ chainId, taskId })) !== undefined) return true;
    logger.debug('a task of another AVS was passed over', { avs: operatorSet.avs, taskId });
    return false;
  }

  /** Catching up, the logs of many blocks come at once: the time of each block with a task of ours is read. */
  async #blockTimes(
    events: readonly TaskCreatedEvent[],
    toBlock: Block,
  ): Promise<ReadonlyMap<Hash32, number>> {
    const { client } = this.#options;
    const hashes = new Set(events.map(({ log }) => log.blockHash));
    hashes.delete(toBlock.hash);
    const blocks = await Promise.all(
      [...hashes].map(async (hash) => {
        const block = await client.block(hash);
        if (block !== undefined) return [hash, block.timestampSeconds] as const;
        throw unknownBlock(hash);
      }),
    );
    return new Map([...blocks, [toBlock.hash, toBlock.timestampSeconds]]);
  }

  /** As `#blockTimes`, and proves that the blocks are those of the chain as it is now. */
  async #canonicalTimes(events: readonly TaskCreatedEvent[]): Promise<ReadonlyMap<Hash32, number>> {
    const { client } = this.#options;
    const hashes = new Map(events.map(({ log }) => [log.blockHash, log.blockNumber]));
    const blocks = await Promise.all(
      [...hashes].map(async ([hash, number]) => {
        const block = await client.block(number);
        if (block?.hash === hash) return [hash, block.timestampSeconds] as const;
        throw unknownBlock(hash);
      }),
    );
    return new Map(blocks);
  }
}

function timeOf({ blockHash }: ChainLog, times: ReadonlyMap<Hash32, number>): number {
  const seconds = times.get(blockHash);
  if (seconds === undefined) throw unknownBlock(blockHash);
  return seconds;
}

function unknownBlock(hash: Hash32): PonosError {
  return new PonosError('CHAIN_RPC', {
    message: 'the block of a log is not known any more',
    facts: { hash },
  });
}

/** The blocks to recognise the chain by, as the follower wants them: ascending. */
export async function recentBlocks(
  store: Pick<AggregatorStore, 'recentBlocks'>,
  chainId: ChainId,
): Promise<{ readonly number: BlockNumber; readonly hash: Hash32 }[]> {
  return (await store.recentBlocks(chainId)).reverse();
}
