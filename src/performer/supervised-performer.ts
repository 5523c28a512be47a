/** One way of running an AVS's program, kept in service: deployed or adopted, watched, restarted by the policy. */
import { type Clock, throwIfAborted } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { createOutcome } from '../base/outcome.js';
import { secretHider } from './hide-secrets.js';
import { checkDeployable, hasLostEnv } from './lost-env.js';
import { type Deployment, type PerformerListener, reportDeployments } from './performer-events.js';
import type { PerformerState } from './performer-state.js';
import { causeOf, planRestart } from './restart-policy.js';
import type {
  EarlierInstance,
  PerformerInstance,
  PerformerRuntime,
  PerformerSpec,
  ProgressListener,
} from './runtime.js';
import { bringUp, type ServingInstance } from './serving-instance.js';
import { type Loss, watchInstance } from './watch-instance.js';

const HEALTHY_WITHIN_MS = 60_000;
/** One that ran before has nothing to prepare. */
const ADOPTED_WITHIN_MS = 10_000;
/** A performer that is replaced because it failed has nothing to finish; it may say goodbye. */
const REPLACE_GRACE_MS = 2_000;

/** What all performers of a node share. */
export interface SupervisorWorld {
  readonly runtime: PerformerRuntime;
  readonly maxOutputBytes: number;
  readonly listener: PerformerListener;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What an earlier run of the node has left of a performer. */
export interface EarlierPerformer {
  readonly deployment: Deployment;
  readonly instance: EarlierInstance;
}

export interface SupervisorOptions extends SupervisorWorld {
  readonly spec: PerformerSpec;
  readonly earlier?: EarlierPerformer;
  /** Whether a first start that fails is tried again. */
  readonly retriesStart: boolean;
  /** Nothing is deployed before: what an earlier run has left is cleared away first. */
  readonly mayDeploy?: Promise<void>;
  /** Awaited once, when the first instance is healthy. What it throws fails the deployment. */
  readonly beforeService?: () => Promise<void>;
  readonly onProgress?: ProgressListener;
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
  const { runtime, clock, earlier, onProgress } = options;
  const { avs } = options.spec;
  const logger = options.logger.child({ avs });
  const reports = reportDeployments(options);
  const stopping = new AbortController();
  const adoption = createOutcome<void>();
  const first = createOutcome<Deployed>();
  let ending: Ending = { drainMs: 0, graceMs: REPLACE_GRACE_MS, reason: 'the node stopped' };
  let spec = options.spec;
  /** It may run, and is not in our hands: a former run has started it, or its engine went away. */
  let outOfSight: EarlierInstance | undefined = earlier?.instance;
  let last: PerformerInstance | undefined;
  let serving: ServingInstance | undefined;
  let leaving: ServingInstance | undefined;
  let deploymentId = earlier?.deployment.id ?? '';
  let hasServed = false;
  let isRecovering = true;
  let reason: string | undefined = 'it is not deployed yet';
  let checkedAtMs: number | undefined;
  let healthyAtMs: number | undefined;

  function noteCheck(isHealthy: boolean): void {
    checkedAtMs = clock.nowMs();
    if (isHealthy) healthyAtMs = checkedAtMs;
  }

  function bringUpWithin(instance: PerformerInstance, healthyWithinMs: number): Promise<ServingInstance> {
    const limits = { maxOutputBytes: options.maxOutputBytes, healthyWithinMs, stopGraceMs: REPLACE_GRACE_MS };
    const hideSecrets = secretHider(spec.env.values());
    return bringUp(instance, { ...limits, clock, hideSecrets }, stopping.signal);
  }

  /** Takes over what is out of sight; undefined when there is nothing of it, or nothing good. */
  async function adopt(): Promise<ServingInstance | undefined> {
    if (outOfSight === undefined) return undefined;
    const adopted = await runtime.adopt(outOfSight, spec, stopping.signal);
    outOfSight = undefined;
    const instance = adopted && (await bringUpAdopted(adopted.instance));
    if (adopted === undefined || instance === undefined) {
      // Of what a killed run has left nobody saw the end, and no deployment of this run is told to have failed.
      reports.failed(reason ?? 'it is gone');
      return undefined;
    }
    spec = adopted.spec;
    last = adopted.instance;
    reports.adopted(adopted.instance, earlier?.deployment);
    logger.info('performer adopted: it was running already', { performer: last.id });
    return instance;
  }

  async function bringUpAdopted(instance: PerformerInstance): Promise<ServingInstance | undefined> {
    try {
      return await bringUpWithin(instance, ADOPTED_WITHIN_MS);
    } catch (error) {
      throwIfAborted(stopping.signal);
      logger.warn('a performer that was running already is not healthy', { performer: instance.id, error });
      return undefined;
    }
  }

  async function deploy(): Promise<ServingInstance> {
    await options.mayDeploy;
    throwIfAborted(stopping.signal);
    deploymentId = reports.begin();
    checkDeployable(spec);
    last = await runtime.deploy(spec, stopping.signal, onProgress);
    reports.started(last);
    onProgress?.({ step: 'health', detail: last.id });
    return bringUpWithin(last, HEALTHY_WITHIN_MS);
  }

  async function start(): Promise<ServingInstance> {
    const adopted = await adopt();
    adoption.resolve();
    if (adopted !== undefined) return adopted;
    const instance = await deploy();
    try {
      if (!hasServed) await options.beforeService?.();
    } catch (error) {
      await instance.stop(REPLACE_GRACE_MS);
      throw error;
    }
    reports.promoted();
    return instance;
  }

  async function serve(instance: ServingInstance): Promise<Loss> {
    const { id, endpoint } = instance.running;
    noteCheck(true);
    serving = instance;
    hasServed = true;
    isRecovering = true;
    reason = undefined;
    logger.info('performer in service', { performer: id, endpoint });
    onProgress?.({ step: 'promote', detail: id });
    options.onChange();
    first.resolve({ deploymentId, performerId: id });
    const onCheck = (isHealthy: boolean, failures: number) => {
      noteCheck(isHealthy);
      reports.checked(isHealthy);
      if (!isHealthy) logger.warn('performer failed its health check', { performer: id, failures });
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
    const { id, container } = instance.running;
    if (loss.cause === 'engine') instance.leave();
    else {
      try {
        // Tasks that it still does may finish within the grace time.
        await instance.stop(REPLACE_GRACE_MS);
        return loss;
      } catch (error) {
        if (!isPonosError(error, 'DOCKER_UNAVAILABLE')) throw error;
      }
    }
    outOfSight = { id, avs, containerId: container?.id };
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
        const instance = await start();
        const sinceMs = clock.monotonicMs();
        loss = await serve(instance);
        healthyForMs = clock.monotonicMs() - sinceMs;
      } catch (error) {
        adoption.resolve();
        first.reject(error);
        throwIfAborted(stopping.signal);
        // What an earlier run has left has one chance: after that it is an orphan.
        if (!hasServed) outOfSight = undefined;
        loss = { reason: explain(error), cause: causeOf(error) };
      }
      reason = loss.reason;
      const mayRetry = hasServed || (options.retriesStart && !hasLostEnv(spec));
      const plan = mayRetry ? planRestart(restarts, healthyForMs, loss.cause) : undefined;
      isRecovering = plan !== undefined && loss.cause === 'performer';
      // A deployment that its engine never took, or has taken away, waits for the engine.
      const isWaiting = loss.cause === 'engine' && (outOfSight !== undefined || !reports.hasStarted);
      if (plan !== undefined && isWaiting) reports.waiting(reason);
      else reports.failed(reason);
      options.onChange();
      if (plan === undefined) break;
      restarts = plan.restarts;
      logger.warn('performer lost, restarting it', { performer: last?.id, reason, ...plan });
      await clock.sleep(plan.delayMs, stopping.signal);
    }
    if (options.retriesStart || hasServed) {
      logger.error('performer given up; deploy it again', { performer: last?.id, reason });
    } else logger.warn('a performer could not be deployed', { performer: last?.id, reason });
  }

  const finished = run()
    .catch((error: unknown) => {
      if (!(stopping.signal.aborted && isPonosError(error))) throw error;
    })
    .finally(() => reports.removed(ending.reason));

  return {
    get state() {
      const { image, command } = spec;
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
    adoptionTried: adoption.promise,
    firstDeployment: first.promise,
    async end(asked) {
      if (stopping.signal.aborted) void leaving?.stop(asked.graceMs).catch(() => undefined);
      else ending = asked;
      stopping.abort(new PonosError('ABORTED', { message: asked.reason }));
      await finished;
    },
  };
}
