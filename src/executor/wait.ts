/** Waiting for work that belongs to somebody else. */
import { abortError, throwIfAborted } from '../base/clock.js';

/** Ends a wait when the caller hangs up; what was waited for goes on. @throws PonosError ABORTED */
export async function waitUnlessAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  throwIfAborted(signal);
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
