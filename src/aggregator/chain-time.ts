/**
 * Time as a chain tells it. Deadlines of tasks are judged by it, never by this machine's clock, whose
 * skew would otherwise cut tasks short or keep them past their end.
 */
import { abortError, type Clock } from '../base/clock.js';

/** What is needed of a head block. */
export interface HeadTime {
  readonly number: number;
  readonly timestampSeconds: number;
}

/** A head whose time differs by more than this from the estimate moves the waiting deadlines. */
const JUMP_SECONDS = 2;

/** Between two heads the chain's time is estimated by the time that has passed since the last one was seen. */
export class ChainTime {
  readonly #clock: Clock;
  readonly #headWaiters = new Set<() => void>();
  readonly #jumpWaiters = new Set<() => void>();
  #head: HeadTime;
  #seenAtMs: number;

  constructor(clock: Clock, head: HeadTime) {
    this.#clock = clock;
    this.#head = head;
    this.#seenAtMs = clock.nowMs();
  }

  /** The last head seen. */
  get head(): HeadTime {
    return this.#head;
  }

  /** Estimated time of a block mined now. */
  nowSeconds(): number {
    return this.#head.timestampSeconds + Math.max(0, this.#clock.nowMs() - this.#seenAtMs) / 1000;
  }

  /** This machine's clock minus the chain's time, as of the last head; positive when this machine is ahead. */
  skewSeconds(): number {
    return this.#seenAtMs / 1000 - this.#head.timestampSeconds;
  }

  /** Tells of a new head. */
  observe(head: HeadTime): void {
    if (head.number === this.#head.number && head.timestampSeconds === this.#head.timestampSeconds) return;
    const jumped = Math.abs(head.timestampSeconds - this.nowSeconds()) > JUMP_SECONDS;
    this.#head = head;
    this.#seenAtMs = this.#clock.nowMs();
    for (const wake of [...this.#headWaiters]) wake();
    if (jumped) for (const wake of [...this.#jumpWaiters]) wake();
  }

  /** Resolves when the chain's estimated time has reached `seconds`. @throws PonosError ABORTED */
  async until(seconds: number, signal: AbortSignal): Promise<void> {
    for (let left = seconds - this.nowSeconds(); left > 0; left = seconds - this.nowSeconds()) {
      const jump = new AbortController();
      const wake = () => jump.abort();
      this.#jumpWaiters.add(wake);
      try {
        // setTimeout counts in 31 bits of milliseconds; a longer wait goes in pieces.
        const pauseMs = Math.min(Math.ceil(left * 1000), 2 ** 31 - 1);
        await this.#clock.sleep(pauseMs, AbortSignal.any([signal, jump.signal]));
      } catch (error) {
        if (signal.aborted || !jump.signal.aborted) throw error;
      } finally {
        this.#jumpWaiters.delete(wake);
      }
    }
  }

  /** Resolves at the next new head. @throws PonosError ABORTED */
  nextHead(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(abortError(signal));
      const done = () => {
        this.#headWaiters.delete(done);
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#headWaiters.delete(done);
        reject(abortError(signal));
      };
      this.#headWaiters.add(done);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
