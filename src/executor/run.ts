/** Stage 2, run: one performer call with the task's own deadline. A caller that hangs up does not end it. */
import { abortError, abortWith, type Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { PerformerPool } from '../performer/performer-pool.js';
import type { Admitted } from './admit.js';
import type { AvsSlots } from './avs-slots.js';

export interface RunDependencies {
  readonly performers: Pick<PerformerPool, 'execute'>;
  readonly slots: AvsSlots;
  readonly clock: Clock;
  /** Time for a task whose deadline cannot be seen. */
  readonly maxTaskSeconds: number;
  readonly maxOutputBytes: number;
}

/**
 * Runs an admitted task, waiting for a slot of its AVS first.
 * @param signal ends the run: the executor's own, not a caller's
 * @throws PonosError TASK_EXPIRED, REQUEST_LIMIT, PERFORMER_FAILED, PERFORMER_UNAVAILABLE, ABORTED
 */
export async function runTask(
  admitted: Admitted,
  deps: RunDependencies,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { taskId, operatorSet, payload } = admitted.submission;
  const deadlineMs = runDeadlineMs(admitted, deps.clock.monotonicMs(), deps.maxTaskSeconds);
  let hasBegun = false;
  const expiry = expiryOf(deadlineMs, deps.clock, signal, () => hasBegun);
  try {
    const output = await deps.slots.run(
      operatorSet.avs,
      () => {
        hasBegun = true;
        return deps.performers.execute({ avs: operatorSet.avs, taskId, payload }, expiry.signal);
      },
      expiry.signal,
    );
    if (output.length > deps.maxOutputBytes) {
      throw new PonosError('PERFORMER_FAILED', {
        message: 'the output is larger than limits.maxOutputBytes',
        facts: { bytes: output.length, limit: deps.maxOutputBytes },
      });
    }
    return output;
  } finally {
    await expiry.clear();
  }
}

/**
 * When a run must end, in milliseconds of the monotonic clock: what was left of the task's time, as its chain counts it, when
 * the mailbox was read; the limit for tasks that no mailbox in sight knows.
 */
export function runDeadlineMs(
  { found }: Pick<Admitted, 'found'>,
  nowMs: number,
  maxTaskSeconds: number,
): number {
  if (!found) return nowMs + maxTaskSeconds * 1_000;
  return found.readAtMs + (found.task.deadlineSeconds - found.task.headSeconds) * 1_000;
}

const expired = (message: string) => new PonosError('TASK_EXPIRED', { message });

/** A signal that aborts at the deadline, whoever waits then: the queue of the AVS or its performer. */
function expiryOf(deadlineMs: number, clock: Clock, signal: AbortSignal, hasBegun: () => boolean) {
  const leftMs = deadlineMs - clock.monotonicMs();
  if (leftMs <= 0) throw expired('the deadline of the task has passed');
  const controller = new AbortController();
  const cleared = new AbortController();
  const unlink = abortWith(cleared, signal);
  const timer = clock.sleep(leftMs, cleared.signal).then(
    () =>
      controller.abort(
        hasBegun()
          ? expired('the deadline of the task has passed while it ran')
          : expired('the deadline of the task has passed while it waited for its turn'),
      ),
    () => {
      if (signal.aborted) controller.abort(abortError(signal));
    },
  );
  return {
    signal: controller.signal,
    clear: async () => {
      unlink();
      cleared.abort();
      await timer;
    },
  };
}
