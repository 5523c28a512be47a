/** How many tasks of one AVS run at the same time, and how many may wait for their turn. */
import type { Address } from '../base/brands.js';
import { abortError, throwIfAborted } from '../base/clock.js';
import { PonosError } from '../base/error.js';

export interface AvsSlotsOptions {
  /** Tasks of one AVS at the same time; AVSs do not share. */
  readonly maxConcurrent: number;
  /** Tasks of one AVS that wait, first come first served. */
  readonly maxWaiting: number;
}

interface Waiting {
  readonly enter: () => void;
}

export class AvsSlots {
  readonly #options: AvsSlotsOptions;
  readonly #running = new Map<Address, number>();
  readonly #waiting = new Map<Address, Set<Waiting>>();

  constructor(options: AvsSlotsOptions) {
    this.#options = options;
  }

  /** Runs `work` when a slot of the AVS is free. @throws PonosError REQUEST_LIMIT, and what the signal or `work` throws */
  async run<T>(avs: Address, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(avs, signal);
    try {
      return await work();
    } finally {
      this.#leave(avs);
    }
  }

  async #enter(avs: Address, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const running = this.#running.get(avs) ?? 0;
    if (running < this.#options.maxConcurrent) {
      this.#running.set(avs, running + 1);
      return;
    }
    const queue = this.#waiting.get(avs) ?? new Set<Waiting>();
    if (queue.size >= this.#options.maxWaiting) {
      throw new PonosError('REQUEST_LIMIT', {
        message: 'too many tasks of this AVS are waiting already',
        facts: { avs, running, waiting: queue.size },
        advice: 'Send it again later.',
      });
    }
    this.#waiting.set(avs, queue);
    await new Promise<void>((resolve, reject) => {
      const place: Waiting = {
        enter: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        queue.delete(place);
        reject(abortError(signal));
      };
      queue.add(place);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Hands the slot to the longest waiting task, or frees it. */
  #leave(avs: Address): void {
    const queue = this.#waiting.get(avs);
    const next = queue?.values().next().value;
    if (queue && next) {
      queue.delete(next);
      next.enter();
      return;
    }
    this.#waiting.delete(avs);
    const running = this.#running.get(avs) ?? 1;
    if (running > 1) this.#running.set(avs, running - 1);
    else this.#running.delete(avs);
  }
}
