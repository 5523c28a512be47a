/** One line per refused submission, until there are too many: a flood of them must not fill the disk. */
import type { Clock } from '../base/clock.js';
import { isPonosError } from '../base/error.js';
import type { ErrorCode } from '../base/error-codes.js';
import type { Logger } from '../base/logger.js';
import { SeldomWarnings } from '../base/seldom-warnings.js';
import type { TaskSubmission } from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { type TokenBucket, takeToken } from '../rpc/peer-limiter.js';

const LINES_PER_SECOND = 5;
const BURST = 50;
/** Strings of a refused request are a stranger's: cut before they are printed. */
const MAX_FIELD_CHARS = 80;

/** Not the caller's: as long as it lasts, this operator takes no part in any task. */
const OWN_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'OPERATOR_KEY_MISMATCH',
  'CHAIN_UNREACHABLE',
  'CHAIN_RATE_LIMITED',
  'CHAIN_RPC',
  'CHAIN_MISMATCH',
  'CHAIN_NO_HISTORY',
]);

export class RefusalLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #bucket: TokenBucket;
  #unprinted = 0;
  readonly #ownFaults: SeldomWarnings<ErrorCode>;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#bucket = { tokens: BURST, updatedMs: clock.monotonicMs() };
    this.#ownFaults = new SeldomWarnings(clock);
  }

  add(request: TaskSubmission, peer: string, error: unknown): void {
    const next = takeToken(this.#bucket, this.#clock.monotonicMs(), LINES_PER_SECOND, BURST);
    if (next === undefined) {
      this.#unprinted += 1;
      return;
    }
    this.#bucket = next;
    this.#logger[this.#levelOf(error)]('task refused', {
      taskId: request.taskId.slice(0, MAX_FIELD_CHARS),
      avs: request.avsAddress.slice(0, MAX_FIELD_CHARS),
      aggregator: request.aggregatorAddress.slice(0, MAX_FIELD_CHARS),
      peer,
      error,
      furtherRefusals: this.#unprinted === 0 ? undefined : this.#unprinted,
    });
    this.#unprinted = 0;
  }

  /** A warning now and then as long as it is this node that cannot, and nobody else would tell. */
  #levelOf(error: unknown): 'info' | 'warn' {
    return isPonosError(error) && OWN_FAULTS.has(error.code) ? this.#ownFaults.levelOf(error.code) : 'info';
  }
}
