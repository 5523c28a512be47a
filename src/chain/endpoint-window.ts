/** How many requests to one endpoint may be under way: few after it has said that they are too many. */
import { abortError } from '../base/clock.js';

/** Answers after which one more request may be under way. */
const WIDEN_AFTER = 20;

interface Waiting {
  readonly start: () => void;
  readonly refuse: (error: unknown) => void;
}

export class RequestWindow {
  readonly #max: number;
  #width: number;
  #answers = 0;
  #underWay = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(max: number) {
    this.#max = max;
    this.#width = max;
  }

  /** Requests that may be under way now. */
  get width(): number {
    return this.#width;
  }

  /** Runs `task` when there is room. @throws what it throws, ABORTED, and the error of `narrow` when it had to wait */
  async run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw abortError(signal);
    if (this.#underWay >= this.#width) await this.#turn(signal);
    else this.#underWay += 1;
    try {
      const result = await task();
      this.#widen();
      return result;
    } finally {
      this.#underWay -= 1;
      this.#next();
    }
  }

  /** Half as wide from now on; who waits is refused, since the endpoint wants to be left alone. */
  narrow(error: unknown): void {
    this.#width = Math.max(1, Math.floor(this.#width / 2));
    this.#answers = 0;
    for (const { refuse } of [...this.#waiting]) refuse(error);
  }

  #widen(): void {
    this.#answers += 1;
    if (this.#answers < WIDEN_AFTER) return;
    this.#answers = 0;
    this.#width = Math.min(this.#max, this.#width + 1);
  }

  #next(): void {
    while (this.#underWay < this.#width) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      this.#underWay += 1;
      first.start();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(entry);
        signal.removeEventListener('abort', onAbort);
      };
      const entry: Waiting = {
        start: () => {
          leave();
          resolve();
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const onAbort = () => entry.refuse(abortError(signal));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(entry);
    });
  }
}
