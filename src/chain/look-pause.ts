/** The pause between two looks at a chain: as long as is configured, and shorter when there is a reason. */
import { abortWith, type Clock } from '../base/clock.js';
import type { HeadTracker } from './head-tracker.js';

/** Parts of the interval after which it may end early. */
const SLICES = 4;
/** The least pause, however often new blocks are announced. */
const LEAST_MS = 250;

export interface LookPauseOptions {
  readonly clock: Clock;
  readonly heads: Pick<HeadTracker, 'isAwaited'>;
  readonly pollIntervalMs: number;
}

export class LookPause {
  readonly #options: LookPauseOptions;
  #isTold = false;
  #wasTold = false;
  #pausing: AbortController | undefined;

  constructor(options: LookPauseOptions) {
    this.#options = options;
  }

  /** Somebody tells of a new block. Told during a look, it shortens the pause after it. */
  tell(): void {
    this.#isTold = true;
    this.#pausing?.abort();
  }

  /** A look begins, which answers what was told so far. */
  beginLook(): void {
    this.#wasTold = this.#isTold;
    this.#isTold = false;
  }

  /**
   * Resolves at the latest after the interval. After a part of it when somebody waits for the next head (to submit a
   * result, say), or when the last look did not show the block that was told of; at once when a block is told of.
   */
  async wait(signal: AbortSignal): Promise<void> {
    const { clock, heads, pollIntervalMs } = this.#options;
    const sliceMs = pollIntervalMs / SLICES;
    const leastMs = Math.min(LEAST_MS, sliceMs);
    const pausing = new AbortController();
    const isOver = () => signal.aborted || this.#isTold;
    await clock.sleep(leastMs, signal).catch(() => undefined); // whoever waits looks at the signal
    this.#pausing = pausing;
    const unlink = abortWith(pausing, signal);
    for (let slice = 0; slice < SLICES && !isOver(); slice++) {
      await clock.sleep(slice === 0 ? sliceMs - leastMs : sliceMs, pausing.signal).catch(() => undefined);
      if (heads.isAwaited || this.#wasTold) break;
    }
    unlink();
    this.#pausing = undefined;
  }
}
