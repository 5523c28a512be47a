/** Warnings that strangers cause as often as they like: some at once, then one every ten seconds, with how many were left out. */
import type { Clock } from '../base/clock.js';
import type { LogFields, Logger } from '../base/logger.js';
import { type TokenBucket, takeToken } from './peer-limiter.js';

const LINES_PER_SECOND = 0.1;
const BURST_LINES = 5;

export class RareWarnings {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #logger: Pick<Logger, 'warn'>;
  #lines: TokenBucket;
  #unprinted = 0;

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock;
    this.#logger = logger;
    this.#lines = { tokens: BURST_LINES, updatedMs: clock.monotonicMs() };
  }

  warn(message: string, fields: LogFields): void {
    const next = takeToken(this.#lines, this.#clock.monotonicMs(), LINES_PER_SECOND, BURST_LINES);
    if (next === undefined) {
      this.#unprinted += 1;
      return;
    }
    this.#lines = next;
    this.#logger.warn(message, {
      ...fields,
      unprinted: this.#unprinted === 0 ? undefined : this.#unprinted,
    });
    this.#unprinted = 0;
  }
}
