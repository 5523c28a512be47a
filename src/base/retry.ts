/** Try again, with growing pauses, while it helps. */
import { type Clock, throwIfAborted } from './clock.js';
import { isRetryable } from './error.js';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Pauses between attempts; their number is the number of retries. */
  readonly delaysMs: readonly number[];
  /** Whether another attempt can help; default: errors of kind `retryable`. */
  readonly retryIf?: (error: unknown) => boolean;
}

/** Calls `attempt` until it succeeds, an error is final, the pauses are used up, or the signal aborts. */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const retryIf = options.retryIf ?? isRetryable;
  for (const delayMs of options.delaysMs) {
    throwIfAborted(options.signal);
    try {
      return await attempt();
    } catch (error) {
      if (!retryIf(error)) throw error;
    }
    await options.clock.sleep(delayMs, options.signal);
  }
  throwIfAborted(options.signal);
  return attempt();
}
