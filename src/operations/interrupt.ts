/** Ctrl-C and SIGTERM as an AbortSignal. */
import { PonosError } from '../base/error.js';

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives the signals back to Node's default (which ends the process). */
  release(): void;
}

/** Aborts at the first SIGINT or SIGTERM; the second one ends the process at once, as users expect. */
export function abortOnInterrupt(): Interrupt {
  const controller = new AbortController();
  const release = () => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  const onSignal = () => {
    release();
    controller.abort(new PonosError('ABORTED', { message: 'stopped on request' }));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return { signal: controller.signal, release };
}

/** Resolves when the signal has aborted. */
export function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
