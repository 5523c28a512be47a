/** All performers of this executor, by AVS. */
import type { Address, TaskId } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { PerformerListener } from './performer-events.js';
import type { PerformerRuntime, PerformerSpec } from './runtime.js';
import {
  type PerformerState,
  type SupervisedPerformer,
  supervisePerformer,
  unavailable,
} from './supervised-performer.js';

export interface PerformerPoolOptions {
  /** One per AVS. */
  readonly specs: readonly PerformerSpec[];
  /** Closed with the pool. */
  readonly runtime: PerformerRuntime;
  readonly maxOutputBytes: number;
  /** Told what happens to every performer. */
  readonly listener: PerformerListener;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface PerformerTask {
  readonly avs: Address;
  readonly taskId: TaskId;
  readonly payload: Uint8Array;
}

export interface PerformerPool {
  /** Whether a performer of this AVS takes tasks now. */
  inService(avs: Address): boolean;
  /** Every performer, in the order of the configuration. */
  list(): readonly PerformerState[];
  /**
   * Runs a task. If the performer goes away in the middle, the task is run once more on the
   * recovered one, as long as the signal allows. The signal carries the deadline: abort it with a
   * PonosError as its reason to have that thrown.
   * @throws PonosError PERFORMER_MISSING without a performer for the AVS, PERFORMER_UNAVAILABLE,
   *   PERFORMER_FAILED, the signal's reason or ABORTED
   */
  execute(task: PerformerTask, signal: AbortSignal): Promise<Uint8Array>;
  /** Stops every performer, giving each `graceMs` to end by itself. May be called twice. */
  close(graceMs: number): Promise<void>;
}

/**
 * Deploys one performer per AVS and resolves when each is in service, or has failed in a way that
 * a restart may mend (it is logged, and restarted by the policy).
 * @throws PonosError of kind `user` (no engine, no image, a wrong spec), or ABORTED; everything is
 *   stopped again then
 */
export async function startPerformerPool(
  options: PerformerPoolOptions,
  signal: AbortSignal,
): Promise<PerformerPool> {
  await options.runtime.removeOrphans();
  const performers = new Map<Address, SupervisedPerformer>();
  for (const spec of options.specs) performers.set(spec.avs, supervisePerformer({ ...options, spec }));
  const pool = createPool(performers, options.runtime);

  const stop = () => void pool.close(0);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const outcomes = await Promise.allSettled([...performers.values()].map((each) => each.firstDeployment));
  signal.removeEventListener('abort', stop);
  const final = outcomes
    .map((outcome) => (outcome.status === 'rejected' ? outcome.reason : undefined))
    .find((error) => error !== undefined && !(isPonosError(error) && error.kind === 'retryable'));
  if (final !== undefined) {
    await pool.close(0);
    throw final;
  }
  return pool;
}

function createPool(
  performers: ReadonlyMap<Address, SupervisedPerformer>,
  runtime: PerformerRuntime,
): PerformerPool {
  let closed: Promise<void> | undefined;
  return {
    inService: (avs) => performers.get(avs)?.client !== undefined,
    list: () => [...performers.values()].map((each) => each.state),
    async execute({ avs, taskId, payload }, signal) {
      const performer = performers.get(avs);
      if (performer === undefined) {
        throw new PonosError('PERFORMER_MISSING', {
          message: 'no performer is configured for this AVS',
          facts: { avs },
        });
      }
      const client = performer.client;
      if (client === undefined) throw unavailable(avs, performer.state.reason);
      try {
        return await client.execute(taskId, payload, signal);
      } catch (error) {
        if (!isPonosError(error, 'PERFORMER_UNAVAILABLE')) throw error;
        const alive = await client.isServing(signal);
        const recovered = alive ? client : await performer.whenReplaced(client, signal);
        return recovered.execute(taskId, payload, signal);
      }
    },
    close(graceMs) {
      closed ??= (async () => {
        await Promise.all([...performers.values()].map((each) => each.close(graceMs)));
        await runtime.close();
      })();
      return closed;
    },
  };
}
