/** All performers of this executor, by AVS. */
import type { Address, TaskId } from '../base/brands.js';
import { isPonosError, PonosError } from '../base/error.js';
import { createOutcome } from '../base/outcome.js';
import { AvsPerformer, type DeployOptions, missing } from './avs-performer.js';
import type { EarlierPerformer, SupervisorWorld } from './performer-start.js';
import type { PerformerState } from './performer-state.js';
import type { PerformerSpec } from './runtime.js';
import type { Deployed, SupervisedPerformer } from './supervised-performer.js';

export interface FirstPerformer {
  readonly spec: PerformerSpec;
  /** What an earlier run of the node has left of it. */
  readonly earlier?: EarlierPerformer;
  /** Whether a failure that no restart mends keeps the node from starting. */
  readonly isEssential: boolean;
}

export interface PerformerPoolOptions extends SupervisorWorld {
  /** At most one per AVS. The runtime is closed with the pool. */
  readonly performers: readonly FirstPerformer[];
  /** How long a performer that is replaced or removed may finish its tasks. */
  readonly drainMs: number;
}

export interface PerformerTask {
  readonly avs: Address;
  readonly taskId: TaskId;
  readonly payload: Uint8Array;
}

export interface PerformerPool {
  /** Nothing happens if a performer of this AVS takes tasks now. @throws PonosError PERFORMER_MISSING, PERFORMER_UNAVAILABLE */
  check(avs: Address): void;
  /** Every performer, those in service, those being deployed, and those that finish their tasks. */
  list(): readonly PerformerState[];
  /**
   * Brings a performer into service. The one that its AVS had gets no tasks from then on, finishes its own, and is
   * removed; if the deployment fails, it stays.
   * @param signal gives the deployment up
   * @throws PonosError DEPLOYMENT_UNDER_WAY, PERFORMER_UNAVAILABLE, IMAGE_MISSING, DOCKER_UNAVAILABLE, CONFIG_INVALID,
   *   what `beforeService` throws, ABORTED
   */
  deploy(spec: PerformerSpec, options: DeployOptions, signal: AbortSignal): Promise<Deployed>;
  /**
   * Removes a performer by the id in its state: one in service finishes its tasks first, a deployment is given up.
   * Resolves when it is gone.
   * @param beforeRemoval awaited first; what it throws leaves the performer as it is
   * @throws PonosError PERFORMER_MISSING without such a one, what `beforeRemoval` throws
   */
  remove(performerId: string, beforeRemoval?: () => Promise<void>): Promise<void>;
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
 * Takes over the performers that an earlier run has left, removes what else it left, deploys the others, and resolves
 * when each is in service or has failed in a way that does not matter now: it is logged, and restarted by the policy.
 * @throws PonosError of kind `user` for an essential one (no engine, no image, a wrong spec), or ABORTED; everything
 *   is stopped again then
 */
export async function startPerformerPool(
  options: PerformerPoolOptions,
  signal: AbortSignal,
): Promise<PerformerPool> {
  const performers = new Map<Address, AvsPerformer>();
  const pool = createPool(options, performers);
  const orphansRemoved = createOutcome<void>();
  const first = options.performers.map(({ spec, earlier, isEssential }) => {
    const performer = new AvsPerformer({ ...options, avs: spec.avs });
    performers.set(spec.avs, performer);
    return { started: performer.start({ spec, earlier, mayDeploy: orphansRemoved.promise }), isEssential };
  });

  const stop = () => void pool.close(0);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    await Promise.all(first.map(({ started }) => started.adoptionTried));
    await options.runtime.removeOrphans();
    orphansRemoved.resolve();
    const failures = await Promise.all(
      first.map(({ started, isEssential }) => finalFailure(started, isEssential)),
    );
    const final = failures.find((failure) => failure !== undefined);
    if (final !== undefined) throw final;
    return pool;
  } catch (error) {
    orphansRemoved.resolve();
    await pool.close(0);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** What a first deployment failed with, if that ends the start of the node. */
async function finalFailure(started: SupervisedPerformer, isEssential: boolean): Promise<unknown> {
  try {
    await started.firstDeployment;
    return undefined;
  } catch (error) {
    if (!isPonosError(error) || error.kind === 'aborted') return error;
    return isEssential && error.kind !== 'retryable' ? error : undefined;
  }
}

function createPool(options: PerformerPoolOptions, performers: Map<Address, AvsPerformer>): PerformerPool {
  let closed: Promise<void> | undefined;

  function of(avs: Address): AvsPerformer {
    const performer = performers.get(avs);
    if (performer === undefined) throw missing(avs);
    return performer;
  }

  function forgetIfEmpty(avs: Address): void {
    if (performers.get(avs)?.isEmpty) performers.delete(avs);
  }

  return {
    check: (avs) => void of(avs).serving(),
    list: () => [...performers.values()].flatMap((performer) => performer.list()),
    async deploy(spec, deployOptions, signal) {
      if (closed !== undefined) throw new PonosError('ABORTED', { message: 'this node is shutting down' });
      const { avs } = spec;
      const performer = performers.get(avs) ?? new AvsPerformer({ ...options, avs });
      performers.set(avs, performer);
      try {
        return await performer.deploy(spec, deployOptions, signal);
      } finally {
        forgetIfEmpty(avs);
      }
    },
    async remove(performerId, beforeRemoval) {
      for (const [avs, performer] of performers) {
        const gone = performer.remove(performerId, 'removed on request', beforeRemoval);
        if (gone === undefined) continue;
        await gone;
        return forgetIfEmpty(avs);
      }
      throw new PonosError('PERFORMER_MISSING', {
        message: 'this node has no performer of this id',
        facts: { performer: performerId },
      });
    },
    execute: ({ avs, taskId, payload }, signal) => of(avs).execute(taskId, payload, signal),
    close(graceMs) {
      closed ??= (async () => {
        await Promise.all([...performers.values()].map((each) => each.close(graceMs)));
        await options.runtime.close();
      })();
      return closed;
    },
  };
}
