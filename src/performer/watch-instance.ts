/** Watching an instance in service until it is lost. */
import { abortError, abortWith, type Clock } from '../base/clock.js';
import type { LossCause } from './runtime.js';
import type { ServingInstance } from './serving-instance.js';

const HEALTH_INTERVAL_MS = 15_000;
const HEALTH_FAILURES_TO_RESTART = 3;

/** Why an instance serves no more. */
export interface Loss {
  readonly reason: string;
  readonly cause: LossCause;
}

export interface WatchOptions {
  readonly clock: Clock;
  /** Told each answer. @param fault undefined when it is healthy @param failures in a row, this one included */
  readonly onCheck: (fault: string | undefined, failures: number) => void;
}

/** Resolves when it has ended, is out of sight, or has failed three checks in a row. @throws PonosError the signal's reason or ABORTED */
export async function watchInstance(
  instance: ServingInstance,
  { clock, onCheck }: WatchOptions,
  signal: AbortSignal,
): Promise<Loss> {
  const over = new AbortController();
  const exit = instance.running.exited.then((end) => {
    over.abort();
    return end;
  });
  const unlink = abortWith(over, signal);
  try {
    return await failedChecks(instance, { clock, onCheck }, over.signal);
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    if (over.signal.aborted) return exit;
    throw error;
  } finally {
    unlink();
  }
}

/** @throws PonosError as soon as the signal aborts */
async function failedChecks(
  instance: ServingInstance,
  { clock, onCheck }: WatchOptions,
  until: AbortSignal,
): Promise<Loss> {
  for (let failures = 0; ; ) {
    await clock.sleep(HEALTH_INTERVAL_MS, until);
    const fault = await instance.fault(until);
    if (until.aborted) continue; // not an answer of the performer
    failures = fault === undefined ? 0 : failures + 1;
    onCheck(fault, failures);
    if (fault !== undefined && failures === HEALTH_FAILURES_TO_RESTART) {
      return { reason: `unhealthy ${failures} times in a row: ${fault}`, cause: 'performer' };
    }
  }
}
