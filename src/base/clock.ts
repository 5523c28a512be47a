/** Time as a dependency, so that tests move it instead of waiting. */
import { PonosError } from './error.js';

export interface Clock {
  /** Milliseconds since the Unix epoch: what the date is. Somebody may set it, in either direction. */
  nowMs(): number;
  /** Milliseconds since some moment: how long something takes. Goes on whatever is done to the date. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with code ABORTED as soon as the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortError(signal));
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      const onAbort = () => {
        clearTimeout(timer);
        reject(abortError(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** The error that stands for "the signal aborted", keeping the signal's own reason as its cause. */
export function abortError(signal?: AbortSignal): PonosError {
  if (signal?.reason instanceof PonosError) return signal.reason;
  return new PonosError('ABORTED', { message: 'stopped on request', cause: signal?.reason });
}

/** @throws PonosError ABORTED when the signal has aborted */
export function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted) throw abortError(signal);
}

/**
 * Aborts the controller when the signal does, with its reason, until the returned function is called. For a signal that
 * lasts as long as the node: each `AbortSignal.any` leaves a trace in it for as long (Node.js 20), this leaves none.
 */
export function abortWith(controller: AbortController, signal: AbortSignal): () => void {
  const onAbort = () => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}

/** What `promise` comes to, or ABORTED as soon as the signal aborts; the promise itself goes on. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortError(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
