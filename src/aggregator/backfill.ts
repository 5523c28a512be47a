/**
 * Back-filling: an AVS that is served from now on may have living tasks in blocks that were followed without it.
 * Their logs are read in bounded ranges, and how far is stored with what was found.
 */
import { type Address, type BlockNumber, blockNumber, type Hash32 } from '../base/brands.js';
import { fromHex, padWord, toHex } from '../base/bytes.js';
import { type Clock, throwIfAborted, untilAborted } from '../base/clock.js';
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Block } from '../chain/block.js';
import type { ChainClient } from '../chain/client.js';
import { TASK_CREATED_TOPIC } from '../chain/contracts/task-mailbox.js';
import { firstRange, nextRange } from '../chain/range-size.js';
import type { Backfill } from '../store/aggregator-avss.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { newsReporter, retryUntil } from './retry-until.js';
import type { Watch } from './watch.js';

export interface BackfillOptions {
  readonly client: Pick<ChainClient, 'head' | 'logs' | 'chainId'>;
  readonly mailbox: Address;
  readonly maxBlockRange: number;
  /** The first block that can hold a living task. */
  readonly findStart: (head: Block) => Promise<BlockNumber>;
  readonly store: Pick<AggregatorStore, 'cursor' | 'avss' | 'saveBackfill'>;
  readonly watch: Pick<Watch, 'settled' | 'pastBlocks'>;
  /** Whether the AVS is still served. */
  readonly isServed: (avs: Address) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Reads what is left to read of an AVS's past, if anything. Resolves early when it is not served any more.
 * @throws PonosError ABORTED, STORE_CORRUPT, and what the client throws that time cannot mend
 */
export async function backfill(avs: Address, options: BackfillOptions, signal: AbortSignal): Promise<void> {
  const { clock, store, watch, client } = options;
  const logger = options.logger.child({ avs });
  const onRetry = newsReporter(logger, 'past tasks of an AVS cannot be read now, trying again');
  const persistently = <T>(attempt: () => Promise<T>) => retryUntil(attempt, { clock, signal, onRetry });
  let progress = await persistently(() => beginning(avs, options, signal));
  if (progress.next > progress.last) return;
  logger.info('past blocks are read for living tasks of an AVS', { from: progress.next, to: progress.last });
  const { maxBlockRange } = options;
  let range = firstRange(maxBlockRange);
  let found = 0;
  while (progress.next <= progress.last && options.isServed(avs)) {
    const from = progress;
    const chunk = await persistently(async () => {
      const toBlock = blockNumber(Math.min(from.last, from.next + range.blocks - 1));
      const asked = toBlock - from.next + 1;
      const asking = client.logs(filterOf(avs, options.mailbox), { fromBlock: from.next, toBlock });
      const logs = await untilAborted(asking, signal).catch((error: unknown) => {
        if (isPonosError(error, 'CHAIN_RPC') || isPonosError(error, 'CHAIN_UNREACHABLE'))
          range = nextRange(range, asked, 'refused', maxBlockRange);
        throw error;
      });
      range = nextRange(range, asked, 'answered', maxBlockRange);
      const after: Backfill = { ...from, next: blockNumber(toBlock + 1) };
      const tasks = await watch.pastBlocks(logs, (fresh) => store.saveBackfill(after, fresh));
      return { after, tasks };
    });
    progress = chunk.after;
    found += chunk.tasks;
  }
  logger.info('past blocks of an AVS were read', { to: Number(progress.next) - 1, tasks: found });
}

/** How far an earlier run came, or where to begin and end. */
async function beginning(avs: Address, options: BackfillOptions, signal: AbortSignal): Promise<Backfill> {
  const { store, client, watch, findStart } = options;
  const { chainId } = client;
  const known = await store.avss.backfill(chainId, avs);
  if (known !== undefined) return known;
  // What is followed from here on is followed with the AVS: it is served already.
  await watch.settled();
  const cursor = await store.cursor(chainId);
  const begin: Backfill =
    cursor === undefined
      ? // The follower has not begun: it begins far enough back for all.
        { chainId, avs, next: blockNumber(1), last: blockNumber(0) }
      : { chainId, avs, next: await findStart(await client.head()), last: cursor.number };
  throwIfAborted(signal);
  await store.saveBackfill(begin, []);
  return begin;
}

function filterOf(avs: Address, mailbox: Address) {
  return {
    addresses: [mailbox],
    topics: [TASK_CREATED_TOPIC, null, null, toHex<Hash32>(padWord(fromHex(avs)))],
  };
}
