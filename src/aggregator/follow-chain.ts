/** One follower per chain, for the mailbox' event alone, wired to the watch that turns logs into tasks. */
import { TASK_CREATED_TOPIC } from '../chain/contracts/task-mailbox.js';
import { createFollower, type Follower } from '../chain/follower.js';
import { findStartBlock } from '../chain/start-block.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import type { OpenedChain } from './open-chain.js';
import { recentBlocks, Watch, type WatchOptions } from './watch.js';

export interface FollowChainOptions extends Omit<WatchOptions, 'chainId' | 'client' | 'store'> {
  readonly chain: OpenedChain;
  readonly store: AggregatorStore;
}

/**
 * A follower from the stored cursor on; at the first start from where living tasks can be. Run it.
 * @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT
 */
export async function followChain({ chain, ...options }: FollowChainOptions): Promise<Follower> {
  const { chainId, client, config, heads, mailbox } = chain;
  const { store, clock, logger } = options;
  const watch = new Watch({ ...options, chainId, client, logger: logger.child({ chainId }) });
  return createFollower({
    client,
    heads,
    clock,
    logger,
    filter: { addresses: [mailbox.address], topics: [TASK_CREATED_TOPIC] },
    recent: await recentBlocks(store, chainId),
    findStart: async (head) => {
      if (config.startBlock !== undefined) return config.startBlock;
      const slaSeconds = await mailbox.maxTaskSlaSeconds('latest');
      return findStartBlock(head, slaSeconds, (number) => client.block(number));
    },
    pollIntervalMs: config.pollIntervalMs,
    maxBlockRange: config.maxBlockRange,
    maxReorgDepth: config.maxReorgDepth,
    blockConfirmations: config.blockConfirmations,
    onBlocks: (blocks) => watch.blocks(blocks),
    onReorg: (orphans) => watch.reorg(orphans),
  });
}
