/** A value that changes, and those who wait for what it becomes. */
import { abortError } from './clock.js';

export class Observed<T> {
  #value: T;
  readonly #waiting = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    this.look();
  }

  /** Asks those who wait again: what they go by beside the value has changed. */
  look(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /**
   * Resolves with what `pick` makes of the value, as soon as that is not undefined.
   * @throws what `pick` throws, PonosError ABORTED or the signal's reason
   */
  until<R>(pick: (value: T) => R | undefined, signal: AbortSignal): Promise<R> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        end();
        reject(abortError(signal));
      };
      const wake = () => {
        try {
          const picked = pick(this.#value);
          if (picked === undefined) return;
          end();
          resolve(picked);
        } catch (error) {
          end();
          reject(error);
        }
      };
      if (signal.aborted) return onAbort();
      this.#waiting.add(wake);
      signal.addEventListener('abort', onAbort, { once: true });
      wake();
    });
  }
}
