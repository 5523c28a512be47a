/** Time that passes faster than it does: what pauses for seconds, as a chain's pace wants it, pauses for moments. */
import { type Clock, systemClock } from '../../src/base/clock.js';

/** @param factor how many seconds pass in one */
export function hurryingClock(factor: number): Clock {
  const startMs = systemClock.nowMs();
  const startMonotonicMs = systemClock.monotonicMs();
  const monotonicMs = () => (systemClock.monotonicMs() - startMonotonicMs) * factor;
  return {
    nowMs: () => startMs + Math.floor(monotonicMs()),
    monotonicMs,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}
