/** One line per refused submission, until there are too many: a flood of them must not fill the disk. */
import type { Clock } from '../base/clock.js';
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { TaskSubmission } from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { type TokenBucket, takeToken } from '../rpc/peer-limiter.js';

const LINES_PER_SECOND = 5;
const BURST = 50;
/** Strings of a refused request are a stranger's: cut before they are printed. */
const MAX_FIELD_CHARS = 80;

export class RefusalLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #bucket: TokenBucket;
  #unprinted = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#bucket = { tokens: BURST, updatedMs: clock.monotonicMs() };
  }

  add(request: TaskSubmission, peer: string, error: unknown): void {
    const next = takeToken(this.#bucket, this.#clock.monotonicMs(), LINES_PER_SECOND, BURST);
    if (next === undefined) {
      this.#unprinted += 1;
      return;
    }
    this.#bucket = next;
    // Not the caller's fault: as long as it lasts, nothing that this operator signs counts.
    const level = isPonosError(error, 'OPERATOR_KEY_MISMATCH') ? 'warn' : 'info';
    this.#logger[level]('task refused', {
      taskId: request.taskId.slice(0, MAX_FIELD_CHARS),
      avs: request.avsAddress.slice(0, MAX_FIELD_CHARS),
      aggregator: request.aggregatorAddress.slice(0, MAX_FIELD_CHARS),
      peer,
      error,
      furtherRefusals: this.#unprinted === 0 ? undefined : this.#unprinted,
    });
    this.#unprinted = 0;
  }
}
