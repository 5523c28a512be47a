/** A clock that tests move: sleepers wake when time is moved past them, in order. */
import { abortError, type Clock } from '../../src/base/clock.js';

export interface ManualClock extends Clock {
  /** Moves time, wakes who slept until then, and lets what they do settle. */
  advance(ms: number): Promise<void>;
  /** Sets the date, as a time server does; nothing has passed by it. */
  step(ms: number): void;
  /** How many sleep now. */
  readonly sleepers: number;
}

export function manualClock(startMs = 1_700_000_000_000): ManualClock {
  let passedMs = 0;
  let epochMs = startMs;
  const sleeping = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
  return {
    nowMs: () => epochMs + passedMs,
    monotonicMs: () => passedMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(abortError(signal));
        const sleeper = {
          untilMs: passedMs + ms,
          wake: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        const onAbort = () => {
          sleeping.delete(sleeper);
          reject(abortError(signal));
        };
        sleeping.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    async advance(ms) {
      const endMs = passedMs + ms;
      await settle();
      for (;;) {
        const next = [...sleeping].sort((a, b) => a.untilMs - b.untilMs)[0];
        if (!next || next.untilMs > endMs) break;
        sleeping.delete(next);
        passedMs = Math.max(passedMs, next.untilMs);
        next.wake();
        await settle();
      }
      passedMs = endMs;
      await settle();
    },
    step(ms) {
      epochMs += ms;
    },
    get sleepers() {
      return sleeping.size;
    },
  };
}

/** Lets promises that can go on without I/O go on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
