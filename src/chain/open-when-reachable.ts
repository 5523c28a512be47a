/** Opening a chain whose endpoint is down when the node starts: the node waits for it, and says so. */
import { abortError, type Clock, throwIfAborted, untilAborted } from '../base/clock.js';
import { isRetryable } from '../base/error.js';
import { pauseMsAfter } from '../base/growing-pause.js';
import type { Logger } from '../base/logger.js';

export interface OpenWhenReachableOptions {
  readonly chainName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const DELAYS_MS = [1_000, 2_000, 5_000, 10_000, 15_000] as const;
/** Failures between two lines in the log: about five minutes. */
const TELL_EVERY = 20;

/**
 * Calls `open` until it succeeds. A wrong chain id or a missing contract is nothing that time mends.
 * @throws what `open` throws that is not retryable, and ABORTED
 */
export async function openWhenReachable<T>(
  open: () => Promise<T>,
  { chainName, clock, logger, signal }: OpenWhenReachableOptions,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    throwIfAborted(signal);
    try {
      // An endpoint that says nothing must not hold up who gives up the start.
      const opened = await untilAborted(open(), signal);
      if (failures > 0) logger.info('the chain is reached now', { chain: chainName });
      return opened;
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      if (!isRetryable(error)) throw error;
      if (failures % TELL_EVERY === 0) {
        logger.warn('a chain is not reached; the node starts as soon as it is', {
          chain: chainName,
          error,
          advice: error.advice,
        });
      }
    }
    await clock.sleep(pauseMsAfter(failures, DELAYS_MS), signal);
  }
}
