/** Items that come when they come, taken by one reader at its own pace, in bounded memory. */
import { abortError } from './clock.js';

export class WaitingItems<T> {
  readonly #max: number;
  #items: T[] = [];
  #leftOut = 0;
  #isClosed = false;
  #wake: () => void = () => undefined;

  /** @param max so many may wait; beyond it the oldest are left out */
  constructor(max: number) {
    this.#max = max;
  }

  readonly push = (item: T): void => {
    if (this.#isClosed) return;
    this.#items.push(item);
    if (this.#items.length > this.#max) {
      this.#items.shift();
      this.#leftOut += 1;
    }
    this.#wake();
  };

  /** What waits is still taken; nothing more comes. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /**
   * Until it is closed. Gives what has waited at once, with how many were left out before.
   * @throws PonosError ABORTED as soon as the signal aborts
   */
  async *take(
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly items: readonly T[]; readonly leftOut: number }> {
    for (;;) {
      if (signal.aborted) throw abortError(signal);
      if (this.#items.length > 0) {
        const batch = { items: this.#items, leftOut: this.#leftOut };
        this.#items = [];
        this.#leftOut = 0;
        yield batch;
      } else if (this.#isClosed) return;
      else await this.#news(signal);
    }
  }

  #news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.#wake = () => undefined;
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
