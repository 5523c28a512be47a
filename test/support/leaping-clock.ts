/** Real time, in which a test can leap, and whose date it can set: for nodes that work with real chains. */
import { abortError, type Clock, systemClock } from '../../src/base/clock.js';

export interface LeapingClock extends Clock {
  /** This long has passed at once: who slept until then wakes. */
  leap(ms: number): void;
  /** Sets the date, as a time server does; nothing has passed by it. */
  step(ms: number): void;
}

export function leapingClock(): LeapingClock {
  let leaptMs = 0;
  let steppedMs = 0;
  const sleepers = new Set<() => void>();
  const monotonicMs = () => systemClock.monotonicMs() + leaptMs;
  return {
    nowMs: () => systemClock.nowMs() + leaptMs + steppedMs,
    monotonicMs,
    async sleep(ms, signal) {
      const endMs = monotonicMs() + ms;
      for (let leftMs = ms; leftMs > 0; leftMs = endMs - monotonicMs()) {
        const leap = new AbortController();
        const wake = () => leap.abort();
        sleepers.add(wake);
        const ends = AbortSignal.any(signal === undefined ? [leap.signal] : [leap.signal, signal]);
        await systemClock.sleep(leftMs, ends).catch(() => undefined); // a leap, or what follows
        sleepers.delete(wake);
        if (signal?.aborted) throw abortError(signal);
      }
    },
    leap(ms) {
      leaptMs += ms;
      for (const wake of [...sleepers]) wake();
    },
    step(ms) {
      steppedMs += ms;
    },
  };
}
