/**
 * Follows one chain: every block's logs once, in order, tied to the block by hash; replaced blocks are undone
 * first. The owner persists the cursor together with what it made of the logs, so that nothing is skipped.
 */
import { type BlockNumber, blockNumber, type Hash32 } from '../base/brands.js';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Block, BlockRef, ChainLog } from './block.js';
import type { ChainClient, LogFilter } from './client.js';
import { nextRangeSize, planNext } from './follow-plan.js';
import type { HeadTracker } from './head-tracker.js';
import { judgeReorg, remember } from './reorg.js';
import { canPass } from './rpc-error.js';

/** Remembered blocks, at least; more when maxReorgDepth asks for it. */
const MIN_RECENT = 128;
/** Parts of a poll interval after which it may end early. */
const SLICES = 4;

/** Blocks that were processed completely, ascending; the last one is the cursor. To be persisted as it is. */
export type RecentBlocks = readonly BlockRef[];

export interface FollowedBlocks {
  readonly fromBlock: BlockNumber;
  /** The last of them; its predecessors' logs are in `logs` too when the chain was caught up by ranges. */
  readonly toBlock: Block;
  /** In the order of the chain. */
  readonly logs: readonly ChainLog[];
  readonly recent: RecentBlocks;
}

export interface Orphans {
  /** The newest remembered block that is still on the chain; what was found above it is orphaned. */
  readonly ancestor: BlockRef;
  /** The remembered blocks above `ancestor`, ascending. */
  readonly orphaned: readonly BlockRef[];
  readonly recent: RecentBlocks;
}

export interface FollowerOptions {
  readonly client: Pick<ChainClient, 'head' | 'block' | 'logs' | 'forgetFrom' | 'name' | 'chainId'>;
  readonly heads: HeadTracker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly filter: LogFilter;
  /** What an earlier run persisted; empty or absent at the first start. */
  readonly recent?: RecentBlocks;
  /** Asked only when there is nothing recent: the first block to process. */
  readonly findStart: (head: Block) => Promise<BlockNumber>;
  readonly pollIntervalMs: number;
  readonly maxBlockRange: number;
  readonly maxReorgDepth: number;
  readonly blockConfirmations: number;
  /**
   * Persists what the logs mean and `recent`, atomically. The cursor moves when it resolves; when it rejects
   * with a retryable error the same blocks come again. Must not fail for a log that makes no sense.
   */
  readonly onBlocks: (blocks: FollowedBlocks) => Promise<void>;
  /** Persists that blocks are gone, and `recent`, atomically. The blocks that replaced them follow. */
  readonly onReorg: (orphans: Orphans) => Promise<void>;
}

export class Follower {
  readonly #options: FollowerOptions;
  readonly #logger: Logger;
  readonly #keep: number;
  #recent: RecentBlocks;
  #next: number | undefined;
  #rangeSize: number;
  #failing = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ chainId: options.client.chainId });
    this.#keep = Math.max(MIN_RECENT, options.maxReorgDepth + 1);
    this.#recent = (options.recent ?? []).slice(-this.#keep);
    const cursor = this.#recent.at(-1);
    this.#next = cursor === undefined ? undefined : cursor.number + 1;
    this.#rangeSize = options.maxBlockRange;
  }

  /**
   * Polls until the signal aborts, then resolves. What can pass by itself is logged once and tried again.
   * @throws PonosError CHAIN_REORG_TOO_DEEP, and what `onBlocks` or `onReorg` throw that is not retryable
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const progress = await this.step(signal);
        if (this.#failing) this.#logger.info('the chain can be followed again');
        this.#failing = false;
        if (progress === 'advanced') continue;
      } catch (error) {
        if (signal.aborted) return;
        if (!canPass(error)) throw error;
        if (!this.#failing) this.#logger.warn('the chain cannot be followed now, trying again', { error });
        this.#failing = true;
      }
      await this.#pause(signal);
    }
  }

  /** The poll interval, or less when somebody waits for the next head: to submit a result, say. */
  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, heads, pollIntervalMs } = this.#options;
    for (let slice = 0; slice < SLICES && !signal.aborted; slice++) {
      await clock.sleep(pollIntervalMs / SLICES, signal).catch(() => undefined);
      if (heads.isAwaited) return;
    }
  }

  /** One look at the chain; `waiting` when there is nothing more to read before it grows. */
  async step(signal?: AbortSignal): Promise<'advanced' | 'waiting'> {
    const { client, heads, findStart } = this.#options;
    const head = await client.head();
    heads.update(head);
    this.#next ??= await findStart(head);
    throwIfAborted(signal);
    if (await this.#undoReorg(head)) return 'advanced';
    const plan = planNext({
      ...this.#options,
      next: this.#next,
      head: head.number,
      rangeSize: this.#rangeSize,
    });
    if (plan.kind === 'wait') return 'waiting';
    if (plan.kind === 'range') return this.#readRange(plan.from, plan.to);
    return this.#readBlocks(plan.from, plan.to, head, signal);
  }

  /** True when remembered blocks were replaced and have been undone. */
  async #undoReorg(head: Block): Promise<boolean> {
    const { client, maxReorgDepth, onReorg } = this.#options;
    const cursor = this.#recent.at(-1);
    if (cursor === undefined || isLinked(cursor, head)) return false;
    const lookedAt = this.#recent.filter(({ number }) => number <= head.number);
    const newest = lookedAt.at(-1);
    // One block answers the ordinary case; the others are asked for only after a contradiction.
    if (newest === undefined || (await client.block(newest.number))?.hash === newest.hash) return false;
    const numbers = lookedAt.map(({ number }) => number);
    const hashes = await this.#canonicalHashes([blockNumber(Math.max(0, (numbers[0] ?? 0) - 1)), ...numbers]);
    const verdict = judgeReorg(this.#recent, (number) => hashes.get(number), {
      maxDepth: maxReorgDepth,
      // What was cut to the newest is never shorter than this.
      isWhole: this.#recent.length < MIN_RECENT,
    });
    if (verdict.kind === 'none') return false;
    if (verdict.kind === 'too-deep') throw this.#tooDeep(verdict.depth);
    const { ancestor, orphaned } = verdict;
    this.#logger.warn('blocks were replaced', { ancestor: ancestor.number, orphaned: orphaned.length });
    client.forgetFrom(blockNumber(ancestor.number + 1));
    const kept = this.#recent.filter(({ number }) => number <= ancestor.number);
    const recent = kept.length === 0 ? [ancestor] : kept;
    await onReorg({ ancestor, orphaned, recent });
    this.#recent = recent;
    this.#next = ancestor.number + 1;
    return true;
  }

  async #canonicalHashes(
    numbers: readonly BlockNumber[],
  ): Promise<ReadonlyMap<BlockNumber, Hash32 | undefined>> {
    const { client } = this.#options;
    const pairs = numbers.map(async (number) => [number, (await client.block(number))?.hash] as const);
    return new Map(await Promise.all(pairs));
  }

  async #readRange(from: BlockNumber, to: BlockNumber): Promise<'advanced' | 'waiting'> {
    const { client, filter, maxBlockRange } = this.#options;
    const size = to - from + 1;
    const read = await Promise.all([
      client.block(from),
      client.block(to),
      client.logs(filter, { fromBlock: from, toBlock: to }),
    ]).catch((error: unknown) => {
      // Endpoints limit ranges by blocks, by results or by time, and say so in many ways.
      if (!isPonosError(error, 'CHAIN_RPC') || size === 1) throw error;
      this.#rangeSize = nextRangeSize(size, 'failed', maxBlockRange);
      this.#logger.debug('a range of blocks is read in smaller parts', { blocks: this.#rangeSize, error });
      return undefined;
    });
    if (read === undefined) return 'advanced';
    const [first, last, logs] = read;
    if (first === undefined || last === undefined || !this.#follows(first)) return 'waiting';
    if (!logs.every(({ blockNumber: number }) => number >= from && number <= to))
      throw this.#strayLogs(from, to);
    await this.#deliver(from, last, inOrder(logs));
    this.#rangeSize = nextRangeSize(this.#rangeSize, 'read', maxBlockRange);
    return 'advanced';
  }

  async #readBlocks(
    from: BlockNumber,
    to: BlockNumber,
    head: Block,
    signal: AbortSignal | undefined,
  ): Promise<'advanced' | 'waiting'> {
    const { client, filter } = this.#options;
    const numbers = Array.from({ length: to - from + 1 }, (_, offset) => blockNumber(from + offset));
    const read = await Promise.all(
      numbers.map(async (number) => {
        const block = number === head.number ? head : await client.block(number);
        return block && { block, logs: await client.logs(filter, { blockHash: block.hash }) };
      }),
    );
    let advanced = false;
    for (const entry of read) {
      // Unknown or on another branch than the one before it: the next look will tell which.
      if (entry === undefined || !this.#follows(entry.block)) break;
      throwIfAborted(signal);
      const { block, logs } = entry;
      if (!logs.every(({ blockHash }) => blockHash === block.hash))
        throw this.#strayLogs(block.number, block.number);
      await this.#deliver(block.number, block, inOrder(logs));
      advanced = true;
    }
    return advanced ? 'advanced' : 'waiting';
  }

  async #deliver(fromBlock: BlockNumber, toBlock: Block, logs: readonly ChainLog[]): Promise<void> {
    const recent = remember(this.#recent, [toBlock], this.#keep);
    await this.#options.onBlocks({ fromBlock, toBlock, logs, recent });
    this.#recent = recent;
    this.#next = toBlock.number + 1;
  }

  #follows(block: Block): boolean {
    const cursor = this.#recent.at(-1);
    return cursor === undefined || block.number !== cursor.number + 1 || block.parentHash === cursor.hash;
  }

  #strayLogs(from: BlockNumber, to: BlockNumber): PonosError {
    return new PonosError('CHAIN_RPC', {
      message: `chain ${this.#options.client.name} answered with logs of other blocks than asked for`,
      facts: { from, to },
    });
  }

  #tooDeep(depth: number): PonosError {
    const { client, maxReorgDepth } = this.#options;
    return new PonosError('CHAIN_REORG_TOO_DEEP', {
      message: `chain ${client.name} (${client.chainId}) was reorganised deeper than maxReorgDepth`,
      facts: { depth, maxReorgDepth, cursor: this.#recent.at(-1)?.number },
      advice:
        'check that the endpoint serves the right chain; to go on, raise maxReorgDepth or begin anew at startBlock',
    });
  }
}

/** Whether `head` is the cursor, or its child. */
function isLinked(cursor: BlockRef, head: Block): boolean {
  return head.hash === cursor.hash || (head.number === cursor.number + 1 && head.parentHash === cursor.hash);
}

function inOrder(logs: readonly ChainLog[]): readonly ChainLog[] {
  return [...logs].sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
}

/** Reads nothing before `run` or `step`. */
export function createFollower(options: FollowerOptions): Follower {
  return new Follower(options);
}
