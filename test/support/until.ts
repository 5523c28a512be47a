/** Waiting for what does not tell when it changes: other processes, engines, sockets, chains. */
import { systemClock } from '../../src/base/clock.js';

type Condition = () => boolean | Promise<boolean>;

/** Less than Jest gives a test that sets no limit of its own: what has not come about is named, and not only a line. */
const DEFAULT_MS = 25_000;
/** For tests that have a minute or more. */
export const LONG_MS = 45_000;
const PAUSE_MS = 20;

/** Asks again until it is so. @throws Error that names it, after `withinMs` */
export async function until(what: string, holds: Condition, withinMs = DEFAULT_MS): Promise<void> {
  const endMs = systemClock.monotonicMs() + withinMs;
  while (!(await holds())) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`it did not come about that ${what}`);
    await systemClock.sleep(PAUSE_MS);
  }
}

/** The same of what its own text says best. */
export function untilTrue(holds: Condition, withinMs?: number): Promise<void> {
  return until(String(holds), holds, withinMs);
}
