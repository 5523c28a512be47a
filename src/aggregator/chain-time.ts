/**
 * Time as a chain tells it. Deadlines of tasks are judged by it, never by this machine's clock, whose
 * skew would otherwise cut tasks short or keep them past their end. Nor does it matter when somebody sets that
 * clock: what passes between two heads is measured by one that nobody can set.
 */
import type { Clock } from '../base/clock.js';
import type { Block } from '../chain/block.js';
import type { HeadTracker } from '../chain/head-tracker.js';

/** A head whose time differs by more than this from the estimate moves the waiting deadlines. */
const JUMP_SECONDS = 2;

/** setTimeout counts in 31 bits of milliseconds; a longer wait goes in pieces. */
const MAX_SLEEP_MS = 2 ** 31 - 1;

/** Between two heads the chain's time is estimated by the time that has passed since the last one was seen. */
export class ChainTime {
  readonly #clock: Clock;
  readonly #heads: HeadTracker;
  readonly #unsubscribe: () => void;
  readonly #wakers = new Set<() => void>();
  #head: Block;
  /** When the head was seen, by the monotonic clock. */
  #seenAtMs: number;

  /** @param head the present head, for the time until the tracker tells of a newer one */
  constructor(clock: Clock, heads: HeadTracker, head: Block) {
    this.#clock = clock;
    this.#heads = heads;
    this.#head = head;
    this.#seenAtMs = clock.monotonicMs();
    this.#unsubscribe = heads.subscribe((next) => this.#observe(next));
  }

  /** The last head seen. */
  get head(): Block {
    return this.#head;
  }

  /** Estimated time of a block mined now. A chain that stands still has not reached it: only a head has. */
  nowSeconds(): number {
    return this.#head.timestampSeconds + (this.#clock.monotonicMs() - this.#seenAtMs) / 1000;
  }

  /** Resolves when the chain's estimated time has reached `seconds`. @throws PonosError ABORTED */
  async until(seconds: number, signal: AbortSignal): Promise<void> {
    for (let left = seconds - this.nowSeconds(); left > 0; left = seconds - this.nowSeconds()) {
      const jump = new AbortController();
      const wake = () => jump.abort();
      this.#wakers.add(wake);
      try {
        const pauseMs = Math.min(Math.ceil(left * 1000), MAX_SLEEP_MS);
        await this.#clock.sleep(pauseMs, AbortSignal.any([signal, jump.signal]));
      } catch (error) {
        if (signal.aborted || !jump.signal.aborted) throw error;
      } finally {
        this.#wakers.delete(wake);
      }
    }
  }

  /** Resolves at the next new head. @throws PonosError ABORTED */
  async nextHead(signal: AbortSignal): Promise<void> {
    const { hash } = this.#head;
    await this.#heads.waitFor((head) => head.hash !== hash, signal);
  }

  /** Stops listening to heads. */
  close(): void {
    this.#unsubscribe();
  }

  #observe(head: Block): void {
    const jumped = Math.abs(head.timestampSeconds - this.nowSeconds()) > JUMP_SECONDS;
    this.#head = head;
    this.#seenAtMs = this.#clock.monotonicMs();
    if (jumped) for (const wake of [...this.#wakers]) wake();
  }
}
