/** The newest block of a chain as last polled, shared by all who wait for the chain to go on. */
import { abortError } from '../base/clock.js';
import type { Block } from './block.js';

export type HeadListener = (head: Block) => void;

export class HeadTracker {
  readonly #listeners = new Set<HeadListener>();
  #latest: Block | undefined;
  #waiting = 0;

  /** Undefined until the first poll has succeeded. */
  get latest(): Block | undefined {
    return this.#latest;
  }

  /** Whether somebody waits for a head that has not come yet: a reason to look more often. */
  get isAwaited(): boolean {
    return this.#waiting > 0;
  }

  /** Tells of a polled head; an unchanged one is not passed on. */
  update(head: Block): void {
    if (this.#latest?.hash === head.hash) return;
    this.#latest = head;
    for (const listener of [...this.#listeners]) listener(head);
  }

  /** Calls `listener` at each new head (not for the present one) until the returned function is called. */
  subscribe(listener: HeadListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first head, the present one included, for which `predicate` is true. @throws PonosError ABORTED */
  waitFor(predicate: (head: Block) => boolean, signal?: AbortSignal): Promise<Block> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortError(signal));
      if (this.#latest !== undefined && predicate(this.#latest)) return resolve(this.#latest);
      this.#waiting += 1;
      const unsubscribe = this.subscribe((head) => {
        if (!predicate(head)) return;
        stop();
        resolve(head);
      });
      const onAbort = () => {
        stop();
        reject(abortError(signal));
      };
      const stop = () => {
        this.#waiting -= 1;
        unsubscribe();
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
