/**
 * Follows one chain: every block's logs once, in order, tied to the block by hash; replaced blocks are undone
 * first. The owner persists the cursor together with what it made of the logs, so that nothing is skipped.
 */
import { type BlockNumber, blockNumber, type Hash32 } from '../base/brands.js';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Block, BlockRef, ChainLog } from './block.js';
import { BlockLogs } from './block-logs.js';
import type { ChainClient, LogFilter } from './client.js';
import { MIN_HISTORY, planNext } from './follow-plan.js';
import type { HeadTracker } from './head-tracker.js';
import { LookPause } from './look-pause.js';
import { firstRange, nextRange, type RangeSize } from './range-size.js';
import { isLinked, judgeReorg, type ReorgVerdict, remember } from './reorg.js';
import { canPass } from './rpc-error.js';
import { reportShortChain } from './short-chain.js';

/** Remembered blocks that are compared first when one was replaced. */
const FIRST_COMPARED = 4;

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
  readonly client: Pick<
    ChainClient,
    'head' | 'block' | 'logs' | 'request' | 'forgetFrom' | 'name' | 'chainId'
  >;
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
  /**
   * With blockConfirmations: blocks above the cursor were replaced, or may have been, as before the first look.
   * What was concluded from the head is to be looked at again. Comes again when it rejects.
   */
  readonly onTipReplaced: () => Promise<void>;
}

export class Follower {
  readonly #options: FollowerOptions;
  readonly #logger: Logger;
  readonly #keep: number;
  #recent: RecentBlocks;
  #next: number | undefined;
  #range: RangeSize;
  readonly #blockLogs: BlockLogs;
  readonly #pause: LookPause;
  readonly #reportShortChain: ReturnType<typeof reportShortChain>;
  /** The head of the last look, where the cursor stays behind it. */
  #tip: BlockRef | undefined;
  #failing = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ chainId: options.client.chainId });
    this.#keep = Math.max(MIN_HISTORY, options.maxReorgDepth + 1);
    this.#recent = (options.recent ?? []).slice(-this.#keep);
    const cursor = this.#recent.at(-1);
    this.#next = cursor === undefined ? undefined : cursor.number + 1;
    this.#range = firstRange(options.maxBlockRange);
    this.#blockLogs = new BlockLogs({ ...options, logger: this.#logger });
    this.#pause = new LookPause(options);
    this.#reportShortChain = reportShortChain(options.clock, this.#logger);
  }

  /** Somebody tells of a new block: the pause before the next look ends early. What is told is not believed. */
  look(): void {
    this.#pause.tell();
  }

  /**
   * Polls until the signal aborts, then resolves. What can pass by itself is logged once and tried again.
   * @throws PonosError CHAIN_REORG_TOO_DEEP, and what `onBlocks` or `onReorg` throw that is not retryable
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#pause.beginLook();
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
      await this.#pause.wait(signal);
    }
  }

  /** One look at the chain; `waiting` when there is nothing more to read before it grows. */
  async step(signal?: AbortSignal): Promise<'advanced' | 'waiting'> {
    const { client, heads, findStart } = this.#options;
    const head = await client.head();
    heads.update(head);
    const next = this.#next ?? (await this.#begin(await findStart(head)));
    throwIfAborted(signal);
    if (await this.#undoReorg(head)) return 'advanced';
    await this.#watchTip(head);
    const plan = planNext({ ...this.#options, next, head: head.number, rangeSize: this.#range.blocks });
    if (plan.kind === 'wait') return 'waiting';
    if (plan.kind === 'range') return this.#readRange(plan.from, plan.to);
    return this.#readBlocks(plan.from, plan.to, head, signal);
  }

  /** The block before the first one is remembered, too, so that the first ones can be undone. */
  async #begin(start: BlockNumber): Promise<number> {
    const before = start === 0 ? undefined : await this.#options.client.block(blockNumber(start - 1));
    if (before !== undefined) await this.#deliver(before.number, before, []);
    this.#next = start;
    return start;
  }

  /** With confirmations the blocks above the cursor are not remembered one by one: whether they stay is all that counts. */
  async #watchTip(head: Block): Promise<void> {
    const { client, blockConfirmations, onTipReplaced } = this.#options;
    if (blockConfirmations === 0) return;
    const tip = this.#tip;
    const isSame =
      tip !== undefined && (isLinked(tip, head) || (await client.block(tip.number))?.hash === tip.hash);
    if (!isSame) {
      const cursor = this.#recent.at(-1);
      if (cursor !== undefined) client.forgetFrom(blockNumber(cursor.number + 1));
      if (tip !== undefined) this.#logger.warn('blocks that were not confirmed yet were replaced');
      await onTipReplaced();
    }
    this.#tip = { number: head.number, hash: head.hash };
  }

  /** True when remembered blocks were replaced and have been undone. */
  async #undoReorg(head: Block): Promise<boolean> {
    const { client, onReorg } = this.#options;
    const cursor = this.#recent.at(-1);
    if (cursor === undefined) return false;
    this.#reportShortChain(head, cursor);
    if (isLinked(cursor, head)) return false;
    const lookedAt = this.#recent.filter(({ number }) => number <= head.number);
    const newest = lookedAt.at(-1);
    // One block answers the ordinary case; the others are asked for only after a contradiction.
    if (newest === undefined || (await client.block(newest.number))?.hash === newest.hash) return false;
    const verdict = await this.#judge(head);
    if (verdict.kind === 'none') return false;
    if (verdict.kind === 'too-deep') throw this.#tooDeep(verdict);
    const { ancestor, orphaned } = verdict;
    this.#logger.warn('blocks were replaced', { ancestor: ancestor.number, orphaned: orphaned.length });
    client.forgetFrom(blockNumber(ancestor.number + 1));
    const recent = this.#recent.filter(({ number }) => number <= ancestor.number);
    await onReorg({ ancestor, orphaned, recent });
    this.#recent = recent;
    this.#next = ancestor.number + 1;
    return true;
  }

  /** Most reorgs are shallow: the newest remembered blocks are compared first, then more of them. */
  async #judge(head: Block): Promise<ReorgVerdict> {
    const { client, maxReorgDepth } = this.#options;
    const hashes = new Map<number, Hash32 | undefined>();
    for (let count = FIRST_COMPARED; ; count *= 4) {
      const newest = this.#recent.slice(-count);
      const unread = newest.filter(({ number }) => number <= head.number && !hashes.has(number));
      await Promise.all(
        unread.map(async ({ number }) => hashes.set(number, (await client.block(number))?.hash)),
      );
      const verdict = judgeReorg(newest, (number) => hashes.get(number), maxReorgDepth);
      const isFound = verdict.kind !== 'none' && verdict.ancestor !== undefined;
      if (isFound || count >= this.#recent.length) return verdict;
    }
  }

  async #readRange(from: BlockNumber, to: BlockNumber): Promise<'advanced' | 'waiting'> {
    const { client, filter, maxBlockRange } = this.#options;
    const size = to - from + 1;
    const read = await Promise.all([
      client.block(from),
      client.block(to),
      client.logs(filter, { fromBlock: from, toBlock: to }),
    ]).catch((error: unknown) => {
      // Endpoints limit ranges by blocks, by results or by time, and say so in many ways, or not at all.
      if (isPonosError(error, 'CHAIN_RPC') || isPonosError(error, 'CHAIN_UNREACHABLE'))
        this.#range = nextRange(this.#range, size, 'refused', maxBlockRange);
      if (!isPonosError(error, 'CHAIN_RPC') || size === 1) throw error;
      this.#logger.debug('a range of blocks is read in smaller parts', { blocks: this.#range.blocks, error });
      return undefined;
    });
    if (read === undefined) return 'advanced';
    const [first, last, logs] = read;
    if (first === undefined || last === undefined || !this.#follows(first)) return 'waiting';
    if (!logs.every(({ blockNumber: number }) => number >= from && number <= to))
      throw this.#strayLogs(from, to);
    await this.#deliver(from, last, inOrder(logs));
    this.#range = nextRange(this.#range, size, 'answered', maxBlockRange);
    return 'advanced';
  }

  async #readBlocks(
    from: BlockNumber,
    to: BlockNumber,
    head: Block,
    signal: AbortSignal | undefined,
  ): Promise<'advanced' | 'waiting'> {
    const { client } = this.#options;
    const numbers = Array.from({ length: to - from + 1 }, (_, offset) => blockNumber(from + offset));
    const read = await Promise.all(
      numbers.map(async (number) => {
        const block = number === head.number ? head : await client.block(number);
        return block && { block, logs: await this.#blockLogs.read(block, signal) };
      }),
    );
    let advanced = false;
    for (const entry of read) {
      // Unknown or on another branch than the one before it: the next look will tell which.
      if (entry === undefined || !this.#follows(entry.block)) break;
      throwIfAborted(signal);
      const { block, logs } = entry;
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

  #tooDeep({ depth, ancestor }: Extract<ReorgVerdict, { kind: 'too-deep' }>): PonosError {
    const { client, maxReorgDepth } = this.#options;
    const go =
      ancestor === undefined
        ? '`ponos storage chain forget`'
        : `\`ponos storage chain rewind --to ${ancestor.number}\``;
    return new PonosError('CHAIN_REORG_TOO_DEEP', {
      message: `chain ${client.name} (${client.chainId}) was reorganised deeper than maxReorgDepth`,
      facts: { depth, maxReorgDepth, cursor: this.#recent.at(-1)?.number, ancestor: ancestor?.number },
      advice: `Check that the endpoint serves the right chain. To go on with it, stop the node and see ${go}.`,
    });
  }
}

function inOrder(logs: readonly ChainLog[]): readonly ChainLog[] {
  return [...logs].sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
}

/** Reads nothing before `run` or `step`. */
export function createFollower(options: FollowerOptions): Follower {
  return new Follower(options);
}
