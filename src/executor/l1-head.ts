/**
 * Check 4 of admission: the submission's L1 block is neither ahead of the head nor too old. The head is shared
 * by all submissions, so that a flood of them costs one call a second, whatever block numbers it carries.
 */
import { type BlockNumber, blockNumber } from '../base/brands.js';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { firstBlockSince, type ReadBlock, type TimedBlock } from '../chain/find-block.js';

export interface L1HeadOptions {
  readonly readHead: () => Promise<TimedBlock>;
  readonly readBlock: ReadBlock;
  readonly clock: Clock;
  /** Seconds of chain time between a submission's block and the head. */
  readonly maxAgeSeconds: number;
}

/** A head this young is not asked for again. */
const FRESH_MS = 1_000;
/** A head that cannot be renewed is still good for this long: one slot of L1. */
const USABLE_MS = 12_000;
/** How long a submission may wait for its block; an RPC node may be a block or two behind the caller's. */
const WAIT_MS = 10_000;
const POLL_MS = 500;
/** No chain makes more blocks than this while we wait: further ahead is refused without waiting. */
const MAX_BLOCKS_AHEAD = 100n;
/** Submissions that wait at one time: nobody has proven anything by then, and each holds its payload. */
const MAX_WAITING = 128;
/** The age limit's block number is searched anew when chain time has gone on by this much. */
const OLDEST_FRESH_SECONDS = 600;

export class L1Head {
  readonly #options: L1HeadOptions;
  #known: { readonly head: TimedBlock; readonly atMs: number } | undefined;
  #reading: Promise<TimedBlock> | undefined;
  #oldest: { readonly number: BlockNumber; readonly headSeconds: number } | undefined;
  #searching: Promise<BlockNumber> | undefined;
  #waiting = 0;

  constructor(options: L1HeadOptions) {
    this.#options = options;
  }

  /** The head, as old as one slot at most. @throws PonosError CHAIN_UNREACHABLE, CHAIN_RPC */
  async current(): Promise<TimedBlock> {
    const ageMs = this.#ageMs();
    if (this.#known && ageMs < FRESH_MS) return this.#known.head;
    try {
      return await this.#renew();
    } catch (error) {
      if (this.#known && this.#ageMs() < USABLE_MS) return this.#known.head;
      throw error;
    }
  }

  /**
   * Waits until the head has reached `number`.
   * @returns the head and the block as a number
   * @throws PonosError REQUEST_DENIED for a block that is too old, REQUEST_LIMIT when it is not reached in time
   */
  async admit(number: bigint, signal?: AbortSignal): Promise<{ head: TimedBlock; block: BlockNumber }> {
    const head = await this.#reach(number, signal);
    const oldest = await this.#oldestAdmissible(head);
    if (number < BigInt(oldest)) {
      throw new PonosError('REQUEST_DENIED', {
        message: 'task_block_number is older than limits.maxTaskBlockAgeDays',
        facts: { taskBlockNumber: number, oldestAccepted: oldest },
      });
    }
    return { head, block: blockNumber(number) };
  }

  async #reach(number: bigint, signal?: AbortSignal): Promise<TimedBlock> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    for (;;) {
      throwIfAborted(signal);
      const head = await this.current();
      const ahead = number - BigInt(head.number);
      if (ahead <= 0n) return head;
      const waitedMs = clock.monotonicMs() - startedMs;
      if (ahead > MAX_BLOCKS_AHEAD || waitedMs >= WAIT_MS || this.#waiting >= MAX_WAITING) {
        throw new PonosError('REQUEST_LIMIT', {
          message: 'task_block_number is ahead of the L1 head',
          facts: { taskBlockNumber: number, head: head.number },
          advice: 'Send it again later; if this lasts, the L1 RPC of this node lags behind.',
        });
      }
      this.#waiting += 1;
      try {
        await clock.sleep(POLL_MS, signal);
      } finally {
        this.#waiting -= 1;
      }
    }
  }

  #ageMs(): number {
    return this.#known ? this.#options.clock.monotonicMs() - this.#known.atMs : Number.POSITIVE_INFINITY;
  }

  #renew(): Promise<TimedBlock> {
    this.#reading ??= this.#options
      .readHead()
      .then((head) => {
        this.#known = { head, atMs: this.#options.clock.monotonicMs() };
        return head;
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  async #oldestAdmissible(head: TimedBlock): Promise<BlockNumber> {
    const known = this.#oldest;
    if (known && Math.abs(head.timestampSeconds - known.headSeconds) < OLDEST_FRESH_SECONDS)
      return known.number;
    this.#searching ??= firstBlockSince(
      head.timestampSeconds - this.#options.maxAgeSeconds,
      head,
      this.#options.readBlock,
    )
      .then((number) => {
        this.#oldest = { number, headSeconds: head.timestampSeconds };
        return number;
      })
      .finally(() => {
        this.#searching = undefined;
      });
    return this.#searching;
  }
}
