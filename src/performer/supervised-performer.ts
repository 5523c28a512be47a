/** One way of running an AVS's program, kept in service: started, watched, restarted by the policy, and ended. */
import { throwIfAborted } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import { createOutcome } from '../base/outcome.js';
import { hasLostEnv } from './lost-env.js';
import { reportDeployments } from './performer-events.js';
import { createPerformerStart, REPLACE_GRACE_MS, type StartOptions } from './performer-start.js';
import type { PerformerState } from './performer-state.js';
import { causeOf, planRestart } from './restart-policy.js';
import type { ServingInstance } from './serving-instance.js';
import { type Loss, watchInstance } from './watch-instance.js';

export interface SupervisorOptions extends StartOptions {
  /** Whether a first start that fails is tried again. */
  readonly retriesStart: boolean;
  /** Called when an instance has come into service, or has been lost. */
  readonly onChange: () => void;
}

/** A deployment that has come into service. */
export interface Deployed {
  readonly deploymentId: string;
  readonly performerId: string;
}

export interface Ending {
  /** How long it may finish its tasks. */
  readonly drainMs: number;
  /** How long it may take to end by itself after that. */
  readonly graceMs: number;
  /** For the history. */
  readonly reason: string;
}

export interface SupervisedPerformer {
  readonly state: Omit<PerformerState, 'status'>;
  /** The instance in service, if there is one. */
  readonly serving: ServingInstance | undefined;
  /** Whether it will be back soon: not when it is given up or ended, and not while its engine is gone. */
  readonly isRecovering: boolean;
  /** Resolves when it is known whether the earlier instance could be taken over. */
  readonly adoptionTried: Promise<void>;
  /**
   * Resolves when the first instance is in service. Later ones are retried by the policy.
   * @throws PonosError what the first start failed with
   */
  readonly firstDeployment: Promise<Deployed>;
  /** Ends it and resolves when it is gone. Called again, a drain is cut short. */
  end(ending: Ending): Promise<void>;
}

/** Starts at once; the caller awaits `firstDeployment` and must `end` it. */
export function supervisePerformer(options: SupervisorOptions): SupervisedPerformer {
  const { clock, onProgress } = options;
  const { avs } = options.spec;
  const logger = options.logger.child({ avs });
  const reports = reportDeployments(options);
  const stopping = new AbortController();
  const start = createPerformerStart({ ...options, logger }, reports, stopping.signal);
  const first = createOutcome<Deployed>();
  let ending: Ending = { drainMs: 0, graceMs: REPLACE_GRACE_MS, reason: 'the node stopped' };
  let serving: ServingInstance | undefined;
  let leaving: ServingInstance | undefined;
  let isRecovering = true;
  let reason: string | undefined = 'it is not deployed yet';
  let checkedAtMs: number | undefined;
  let healthyAtMs: number | undefined;

  function noteCheck(isHealthy: boolean): void {
    checkedAtMs = clock.nowMs();
    if (isHealthy) healthyAtMs = checkedAtMs;
  }

  async function serve(instance: ServingInstance): Promise<Loss> {
    const { id, endpoint } = instance.running;
    noteCheck(true);
    serving = instance;
    isRecovering = true;
    reason = undefined;
    logger.info('performer in service', { performer: id, endpoint });
    onProgress?.({ step: 'promote', detail: id });
    options.onChange();
    first.resolve({ deploymentId: start.deploymentId, performerId: id });
    const onCheck = (fault: string | undefined, failures: number) => {
      const isHealthy = fault === undefined;
      noteCheck(isHealthy);
      reports.checked(isHealthy);
      if (!isHealthy) logger.warn('performer failed its health check', { performer: id, failures, fault });
    };
    try {
      const loss = await watchInstance(instance, { clock, onCheck }, stopping.signal);
      reason = loss.reason;
      serving = undefined;
      return await giveUp(instance, loss);
    } catch (error) {
      if (stopping.signal.aborted) await leave(instance);
      throw error;
    } finally {
      serving = undefined;
    }
  }

  /** Stops an instance that is lost, if its engine is there. */
  async function giveUp(instance: ServingInstance, loss: Loss): Promise<Loss> {
    if (loss.cause === 'engine') instance.leave();
    else {
      try {
        // Tasks that it still does may finish within the grace time.
        await instance.stop(REPLACE_GRACE_MS);
        return loss;
      } catch (error) {
        if (causeOf(error) !== 'engine') throw error;
      }
    }
    start.loseSight(instance.running);
    return { ...loss, cause: 'engine' };
  }

  /** Lets an instance go that is wanted no more. */
  async function leave(instance: ServingInstance): Promise<void> {
    serving = undefined;
    leaving = instance;
    reason = `${ending.reason}; it finishes its tasks`;
    if (ending.drainMs > 0) reports.draining();
    try {
      await instance.drain(ending.drainMs, ending.graceMs);
    } catch (error) {
      // Whatever is left of it is removed when the engine is back, at the next start of the node at the latest.
      logger.warn('a performer could not be stopped', { performer: instance.running.id, error });
    }
  }

  async function run(): Promise<void> {
    for (let restarts = 0; ; ) {
      let healthyForMs = 0;
      let loss: Loss;
      try {
        const instance = await start.begin(reason ?? 'it is gone');
        const sinceMs = clock.monotonicMs();
        loss = await serve(instance);
        healthyForMs = clock.monotonicMs() - sinceMs;
      } catch (error) {
        first.reject(error);
        throwIfAborted(stopping.signal);
        loss = { reason: explain(error), cause: causeOf(error) };
      }
      reason = loss.reason;
      const mayRetry = start.hasSucceeded || (options.retriesStart && !hasLostEnv(start.spec));
      const plan = mayRetry ? planRestart(restarts, healthyForMs, loss.cause) : undefined;
      isRecovering = plan !== undefined && loss.cause === 'performer';
      // A deployment that its engine never took, or has taken away, waits for the engine.
      const isWaiting = loss.cause === 'engine' && (start.isOutOfSight || !reports.hasStarted);
      if (plan !== undefined && isWaiting) reports.waiting(reason);
      else reports.failed(reason);
      options.onChange();
      if (plan === undefined) break;
      restarts = plan.restarts;
      logger.warn('performer lost, restarting it', { performer: start.last?.id, reason, ...plan });
      await clock.sleep(plan.delayMs, stopping.signal);
    }
    if (options.retriesStart || start.hasSucceeded) {
      logger.error('performer given up; deploy it again', { performer: start.last?.id, reason });
    } else logger.warn('a performer could not be deployed', { performer: start.last?.id, reason });
  }

  const finished = run()
    .catch((error: unknown) => {
      if (!(stopping.signal.aborted && isPonosError(error))) throw error;
    })
    .finally(() => reports.removed(ending.reason));

  return {
    get state() {
      const { last, deploymentId } = start;
      const { image, command } = start.spec;
      const running = (serving ?? leaving)?.running;
      return {
        avs,
        id: last?.id ?? deploymentId,
        deploymentId,
        image,
        command,
        container: last?.container,
        endpoint: last?.endpoint,
        isResourceHealthy: running?.isSound() ?? false,
        isApplicationHealthy: running !== undefined && checkedAtMs === healthyAtMs,
        checkedAtMs,
        healthyAtMs,
        reason,
      };
    },
    get serving() {
      return serving;
    },
    get isRecovering() {
      return isRecovering && !stopping.signal.aborted;
    },
    adoptionTried: start.adoptionTried,
    firstDeployment: first.promise,
    async end(asked) {
      if (stopping.signal.aborted) void leaving?.stop(asked.graceMs).catch(() => undefined);
      else ending = asked;
      stopping.abort(new PonosError('ABORTED', { message: asked.reason }));
      await finished;
    },
  };
}
