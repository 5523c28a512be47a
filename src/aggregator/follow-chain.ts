/** One follower per chain, for the mailbox' event alone, wired to the watch that turns logs into tasks. */
import type { Address, BlockNumber } from '../base/brands.js';
import type { Block } from '../chain/block.js';
import { TASK_CREATED_TOPIC } from '../chain/contracts/task-mailbox.js';
import { createFollower } from '../chain/follower.js';
import { subscribeToHeads } from '../chain/head-subscription.js';
import { findStartBlock } from '../chain/start-block.js';
import { TaskStatus } from '../protocol/enums.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { backfill } from './backfill.js';
import type { OpenedChain } from './open-chain.js';
import { recentBlocks, Watch, type WatchOptions } from './watch.js';

export interface FollowChainOptions
  extends Omit<WatchOptions, 'chainId' | 'client' | 'store' | 'nowSeconds' | 'isVerified'> {
  readonly chain: Pick<OpenedChain, 'chainId' | 'client' | 'config' | 'heads' | 'mailbox' | 'time'>;
  readonly store: AggregatorStore;
}

export interface FollowedChain {
  /** Follows until the signal aborts. @throws PonosError as `Follower.run` */
  run(signal: AbortSignal): Promise<void>;
  /** Reads what was followed before the AVS was served; one at a time for each AVS. @throws PonosError as `backfill` */
  backfill(avs: Address, signal: AbortSignal): Promise<void>;
  /** Ends that, if it is under way; resolves when it stores nothing more. */
  endBackfill(avs: Address): Promise<void>;
}

/**
 * A follower from the stored cursor on; at the first start from where living tasks can be.
 * @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT
 */
export async function followChain({ chain, ...options }: FollowChainOptions): Promise<FollowedChain> {
  const { chainId, client, config, heads, mailbox, time } = chain;
  const { store, clock, isServed } = options;
  const logger = options.logger.child({ chainId });
  // The head's time, not the estimate: only a block past its deadline ends a task.
  const nowSeconds = () => time.head.timestampSeconds;
  const isVerified: WatchOptions['isVerified'] = async (taskId, at) =>
    (await mailbox.getTaskStatus(taskId, at)) === TaskStatus.verified;
  const watch = new Watch({ ...options, chainId, client, isVerified, nowSeconds, logger });
  const findStart = async (head: Block): Promise<BlockNumber> => {
    if (config.startBlock !== undefined) return config.startBlock;
    const slaSeconds = await mailbox.maxTaskSlaSeconds('latest');
    return findStartBlock(head, slaSeconds, (number) => client.block(number));
  };
  const follower = createFollower({
    client,
    heads,
    clock,
    logger: options.logger,
    filter: { addresses: [mailbox.address], topics: [TASK_CREATED_TOPIC] },
    recent: await recentBlocks(store, chainId),
    findStart,
    pollIntervalMs: config.pollIntervalMs,
    maxBlockRange: config.maxBlockRange,
    maxReorgDepth: config.maxReorgDepth,
    blockConfirmations: config.blockConfirmations,
    onBlocks: (blocks) => watch.blocks(blocks),
    onReorg: (orphans) => watch.reorg(orphans),
    onTipReplaced: () => watch.tipReplaced(),
  });
  const follow = async (signal: AbortSignal): Promise<void> => {
    const over = new AbortController();
    const announced = { chainId, heads, clock, logger, onBlock: () => follower.look() };
    const ends = AbortSignal.any([signal, over.signal]);
    const { wsUrl: url } = config;
    const subscription = url === undefined ? undefined : subscribeToHeads({ ...announced, url }, ends);
    try {
      await follower.run(signal);
    } finally {
      over.abort();
      await subscription;
    }
  };
  const reading = new Map<Address, { readonly over: AbortController; readonly ended: Promise<void> }>();
  return {
    run: follow,
    async backfill(avs, signal) {
      const over = new AbortController();
      const { maxBlockRange } = config;
      const sources = { client, mailbox: mailbox.address, maxBlockRange, findStart };
      const ends = AbortSignal.any([signal, over.signal]);
      const ended = backfill(avs, { ...sources, store, watch, isServed, clock, logger }, ends);
      const entry = { over, ended };
      reading.set(avs, entry);
      try {
        await ended;
      } finally {
        if (reading.get(avs) === entry) reading.delete(avs);
      }
    },
    async endBackfill(avs) {
      const entry = reading.get(avs);
      entry?.over.abort();
      await entry?.ended.catch(() => undefined); // told to whoever asked for it
    },
  };
}
