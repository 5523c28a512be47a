/** Which of many lines of one kind is a warning: the first, and one every five minutes for as long as they come. */
import type { Clock } from './clock.js';

const AGAIN_MS = 5 * 60 * 1_000;

/** Keeps one time for each kind: kinds must not be a stranger's to make up. */
export class SeldomWarnings<Kind extends string> {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #warnedMs = new Map<Kind, number>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** The level of a line that is about to be logged. */
  levelOf(kind: Kind): 'warn' | 'info' {
    const nowMs = this.#clock.monotonicMs();
    const lastMs = this.#warnedMs.get(kind);
    if (lastMs !== undefined && nowMs - lastMs < AGAIN_MS) return 'info';
    this.#warnedMs.set(kind, nowMs);
    return 'warn';
  }
}
