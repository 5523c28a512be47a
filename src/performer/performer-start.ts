/** How an AVS's program comes to serve: what runs already is taken over, otherwise it is deployed. */
import { type Clock, throwIfAborted } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { createOutcome } from '../base/outcome.js';
import { secretHider } from './hide-secrets.js';
import { checkDeployable } from './lost-env.js';
import type { Deployment, DeploymentReports, PerformerListener } from './performer-events.js';
import type {
  EarlierInstance,
  PerformerInstance,
  PerformerRuntime,
  PerformerSpec,
  ProgressListener,
} from './runtime.js';
import { bringUp, type ServingInstance } from './serving-instance.js';

const HEALTHY_WITHIN_MS = 60_000;
/** One that ran before has nothing to prepare. */
const ADOPTED_WITHIN_MS = 10_000;
/** A performer that is replaced because it failed has nothing to finish; it may say goodbye. */
export const REPLACE_GRACE_MS = 2_000;

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

export interface StartOptions extends SupervisorWorld {
  readonly spec: PerformerSpec;
  readonly earlier?: EarlierPerformer;
  /** Nothing is deployed before: what an earlier run has left is cleared away first. */
  readonly mayDeploy?: Promise<void>;
  /** Awaited once, when the first instance is healthy. What it throws fails the deployment. */
  readonly beforeService?: () => Promise<void>;
  readonly onProgress?: ProgressListener;
}

export interface PerformerStart {
  /** With the values of `lostEnv` once they were read from an instance. */
  readonly spec: PerformerSpec;
  /** The instance that was started or taken over last. */
  readonly last: PerformerInstance | undefined;
  /** Of the deployment that was asked for last; empty before the first. */
  readonly deploymentId: string;
  /** Whether a start has succeeded. */
  readonly hasSucceeded: boolean;
  /** Whether an instance may run that is not in our hands. */
  readonly isOutOfSight: boolean;
  /** Resolves when it is known whether the earlier instance could be taken over. */
  readonly adoptionTried: Promise<void>;
  /**
   * @param reason why nothing is in service, for the history
   * @returns an instance that serves
   * @throws PonosError what the runtime says, PERFORMER_UNAVAILABLE, what `beforeService` throws, ABORTED
   */
  begin(reason: string): Promise<ServingInstance>;
  /** The engine of an instance is gone: the next start takes it over if it is still there. */
  loseSight(instance: PerformerInstance): void;
}

/** @param stopping ends a start, and what it has started */
export function createPerformerStart(
  options: StartOptions,
  reports: DeploymentReports,
  stopping: AbortSignal,
): PerformerStart {
  const { runtime, clock, logger, earlier, onProgress } = options;
  const adoption = createOutcome<void>();
  let spec = options.spec;
  /** It may run, and is not in our hands: a former run has started it, or its engine went away. */
  let outOfSight: EarlierInstance | undefined = earlier?.instance;
  let last: PerformerInstance | undefined;
  let deploymentId = earlier?.deployment.id ?? '';
  let hasSucceeded = false;

  function bringUpWithin(instance: PerformerInstance, healthyWithinMs: number): Promise<ServingInstance> {
    const limits = { maxOutputBytes: options.maxOutputBytes, healthyWithinMs, stopGraceMs: REPLACE_GRACE_MS };
    const hideSecrets = secretHider(spec.env.values());
    return bringUp(instance, { ...limits, clock, hideSecrets }, stopping);
  }

  /** Takes over what is out of sight; undefined when there is nothing of it, or nothing good. */
  async function adopt(reason: string): Promise<ServingInstance | undefined> {
    if (outOfSight === undefined) return undefined;
    const adopted = await runtime.adopt(outOfSight, spec, stopping);
    outOfSight = undefined;
    const instance = adopted && (await bringUpAdopted(adopted.instance));
    if (adopted === undefined || instance === undefined) {
      // Of what a killed run has left nobody saw the end, and no deployment of this run is told to have failed.
      reports.failed(reason);
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
      throwIfAborted(stopping);
      logger.warn('a performer that was running already is not healthy', { performer: instance.id, error });
      return undefined;
    }
  }

  async function deploy(): Promise<ServingInstance> {
    await options.mayDeploy;
    throwIfAborted(stopping);
    deploymentId = reports.begin();
    checkDeployable(spec);
    last = await runtime.deploy(spec, stopping, onProgress);
    reports.started(last);
    onProgress?.({ step: 'health', detail: last.id });
    const instance = await bringUpWithin(last, HEALTHY_WITHIN_MS);
    try {
      if (!hasSucceeded) await options.beforeService?.();
    } catch (error) {
      await instance.stop(REPLACE_GRACE_MS);
      throw error;
    }
    reports.promoted();
    return instance;
  }

  return {
    get spec() {
      return spec;
    },
    get last() {
      return last;
    },
    get deploymentId() {
      return deploymentId;
    },
    get hasSucceeded() {
      return hasSucceeded;
    },
    get isOutOfSight() {
      return outOfSight !== undefined;
    },
    adoptionTried: adoption.promise,
    async begin(reason) {
      try {
        const adopted = await adopt(reason);
        adoption.resolve();
        const instance = adopted ?? (await deploy());
        hasSucceeded = true;
        return instance;
      } catch (error) {
        adoption.resolve();
        // What an earlier run has left has one chance: after that it is an orphan.
        if (!hasSucceeded) outOfSight = undefined;
        throw error;
      }
    },
    loseSight({ id, avs, container }) {
      outOfSight = { id, avs, containerId: container?.id };
    },
  };
}
