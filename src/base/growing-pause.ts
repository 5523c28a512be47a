/** Pauses that grow with the failures in a row, so that what is down is not asked all the time. */

/**
 * Milliseconds to wait before the next attempt.
 * @param failures in a row, before the one that was just seen
 * @param pausesMs by that number; the last one repeats
 */
export function pauseMsAfter(failures: number, pausesMs: readonly [number, ...number[]]): number {
  return pausesMs[Math.min(failures, pausesMs.length - 1)] ?? pausesMs[0];
}
