/** After an answer could not be stored: try until writing works again, then take work again. */
import { type Clock, throwIfAborted } from '../base/clock.js';
import { isPonosError } from '../base/error.js';
import type { Intake } from './intake.js';

const RETRY_MS = 2_000;

export interface StoreRecoveryOptions {
  readonly intake: Intake;
  /** Writes something. @throws PonosError STORE_UNAVAILABLE */
  readonly write: () => Promise<void>;
  readonly clock: Clock;
}

/** Resolves when a write has succeeded or the signal aborts. @throws what is not STORE_UNAVAILABLE */
export async function recoverStore(options: StoreRecoveryOptions, signal: AbortSignal): Promise<void> {
  const { intake, write, clock } = options;
  try {
    for (;;) {
      await clock.sleep(RETRY_MS, signal);
      throwIfAborted(signal);
      if (await succeeds(write)) return intake.storeRecovered();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function succeeds(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (isPonosError(error, 'STORE_UNAVAILABLE')) return false;
    throw error;
  }
}
