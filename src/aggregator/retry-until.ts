/** Trying again for as long as there is time: what cannot be done now may be possible before the deadline. */
import { type Clock, throwIfAborted } from '../base/clock.js';
import { isPonosError } from '../base/error.js';

export interface RetryUntilOptions {
  readonly clock: Clock;
  /** Ends the trying; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Told of each failure that is tried again. */
  readonly onRetry: (error: unknown) => void;
}

const DELAYS_MS = [250, 500, 1_000, 2_000, 5_000] as const;

/** Calls `attempt` until it succeeds. @throws what it throws that is not retryable, and the signal's reason */
export async function retryUntil<T>(attempt: () => Promise<T>, options: RetryUntilOptions): Promise<T> {
  const { clock, signal, onRetry } = options;
  for (let failures = 0; ; failures++) {
    throwIfAborted(signal);
    try {
      return await attempt();
    } catch (error) {
      throwIfAborted(signal);
      if (!isPonosError(error) || error.kind !== 'retryable') throw error;
      onRetry(error);
    }
    await clock.sleep(DELAYS_MS[Math.min(failures, DELAYS_MS.length - 1)] ?? 0, signal);
  }
}
