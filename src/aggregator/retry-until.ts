/** Trying again for as long as there is time: what cannot be done now may be possible before the deadline. */
import { abortError, type Clock } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import { pauseMsAfter } from '../base/growing-pause.js';
import type { Logger } from '../base/logger.js';
import { canPass } from '../chain/rpc-error.js';

export interface RetryUntilOptions {
  readonly clock: Clock;
  /** Ends the trying; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Told of each failure that is tried again. */
  readonly onRetry: (error: unknown) => void;
}

/** Pauses between attempts; the last one repeats until the signal aborts. */
const DELAYS_MS = [250, 500, 1_000, 2_000, 5_000] as const;

/**
 * Calls `attempt` until it succeeds.
 * @throws what it throws that time cannot mend, and the signal's reason; a deadline's with the last failure as
 *   its cause
 */
export async function retryUntil<T>(attempt: () => Promise<T>, options: RetryUntilOptions): Promise<T> {
  const { clock, signal, onRetry } = options;
  let lastFailure: unknown;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) break;
      if (!canPass(error)) throw error;
      lastFailure = error;
      onRetry(error);
    }
    await clock.sleep(pauseMsAfter(failures, DELAYS_MS), signal).catch(() => undefined); // the loop ends when it was aborted
  }
  throw withLastFailure(abortError(signal), lastFailure);
}

/** An `onRetry` that warns of a problem when it is news; a chain that is down for long is told of once. */
export function newsReporter(logger: Logger, problem: string): (error: unknown) => void {
  let told: string | undefined;
  return (error) => {
    const what = explain(error);
    if (what === told) logger.debug(problem, { error });
    else logger.warn(problem, { error });
    told = what;
  };
}

/** What ended the trying. Of a deadline the reader wants to know what kept the task until then. */
export function withLastFailure(ended: PonosError, lastFailure: unknown): PonosError {
  if (lastFailure === undefined || !isPonosError(ended, 'TASK_EXPIRED')) return ended;
  return new PonosError('TASK_EXPIRED', { message: ended.message, cause: lastFailure });
}
