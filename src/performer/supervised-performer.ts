/** One AVS's performer, kept in service: deployed, watched, restarted by the policy. */
import type { Address } from '../base/brands.js';
import { abortError, type Clock } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { createPerformerClient, type PerformerClient } from './client.js';
import { type PerformerListener, reportDeployments } from './performer-events.js';
import { planRestart } from './restart-policy.js';
import type { LossCause, PerformerInstance, PerformerRuntime, PerformerSpec } from './runtime.js';

const HEALTHY_WITHIN_MS = 60_000;
const HEALTH_INTERVAL_MS = 15_000;
const HEALTH_FAILURES_TO_RESTART = 3;
/** A performer that is replaced because it failed has nothing to finish; it may say goodbye. */
const REPLACE_GRACE_MS = 2_000;

export interface SupervisorOptions {
  readonly spec: PerformerSpec;
  readonly runtime: PerformerRuntime;
  readonly maxOutputBytes: number;
  readonly listener: PerformerListener;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What is known about a performer now. */
export interface PerformerState {
  readonly avs: Address;
  readonly inService: boolean;
  /** Of the instance that was deployed last. */
  readonly id: string | undefined;
  /** Milliseconds since the epoch. */
  readonly lastHealthyMs: number | undefined;
  /** Why it is not in service. */
  readonly reason: string | undefined;
}

export interface SupervisedPerformer {
  readonly state: PerformerState;
  /** The client of the instance in service, if there is one. */
  readonly client: PerformerClient | undefined;
  /**
   * Resolves when the first deployment is in service. Later ones are retried by the policy.
   * @throws PonosError what the first deployment failed with
   */
  readonly firstDeployment: Promise<void>;
  /**
   * Resolves when an instance other than the lost one is in service.
   * @throws PonosError PERFORMER_UNAVAILABLE when it is given up, the signal's reason or ABORTED
   */
  whenReplaced(lost: PerformerClient, signal: AbortSignal): Promise<PerformerClient>;
  /** Stops it and forgets it; awaits its end. */
  close(graceMs: number): Promise<void>;
}

interface Instance {
  readonly running: PerformerInstance;
  readonly client: PerformerClient;
}

/** Starts at once; the caller awaits `firstDeployment` and must `close`. */
export function supervisePerformer(options: SupervisorOptions): SupervisedPerformer {
  const { spec, runtime, clock } = options;
  const logger = options.logger.child({ avs: spec.avs });
  const closing = new AbortController();
  const waiters = new Set<() => void>();
  const reports = reportDeployments(options);
  let client: PerformerClient | undefined;
  let id: string | undefined;
  let lastHealthyMs: number | undefined;
  let reason: string | undefined = 'not deployed yet';
  let givenUp = false;
  let stopGraceMs = REPLACE_GRACE_MS;

  /** Tells those who wait that something changed. */
  function announce(): void {
    for (const wake of [...waiters]) wake();
  }

  async function deploy(): Promise<Instance> {
    const running = await runtime.deploy(spec, closing.signal);
    id = running.id;
    reports.started(running);
    const candidate = createPerformerClient({
      endpoint: running.endpoint,
      maxOutputBytes: options.maxOutputBytes,
      clock,
    });
    const waiting = new AbortController();
    try {
      const signal = AbortSignal.any([closing.signal, waiting.signal]);
      await Promise.race([
        candidate.waitUntilServing(HEALTHY_WITHIN_MS, signal),
        running.exited.then((exit) => {
          throw new PonosError('PERFORMER_UNAVAILABLE', {
            message: `the performer ended before it was healthy: ${exit.reason}`,
          });
        }),
      ]);
      return { running, client: candidate };
    } catch (error) {
      waiting.abort();
      candidate.close();
      const lastLines = running.lastLines().slice(-5).join(' | ');
      await running.stop(REPLACE_GRACE_MS);
      if (closing.signal.aborted || lastLines === '') throw error;
      throw new PonosError('PERFORMER_UNAVAILABLE', {
        message: explain(error),
        facts: { avs: spec.avs, lastOutput: lastLines },
        cause: error,
      });
    }
  }

  /** Resolves with the reason for which the instance has to be replaced, or rejects when we close. */
  async function watch({ running, client: watched }: Instance): Promise<string> {
    const ended = new AbortController();
    const exitReason = running.exited.then((exit) => {
      ended.abort();
      return exit.reason;
    });
    const signal = AbortSignal.any([closing.signal, ended.signal]);
    for (let failures = 0; failures < HEALTH_FAILURES_TO_RESTART; ) {
      try {
        await clock.sleep(HEALTH_INTERVAL_MS, signal);
      } catch {
        if (closing.signal.aborted) throw abortError(closing.signal);
        return await exitReason;
      }
      const isHealthy = await watched.isServing(signal);
      if (signal.aborted) continue; // not an answer of the performer
      reports.checked(isHealthy);
      if (isHealthy) {
        failures = 0;
        lastHealthyMs = clock.nowMs();
      } else {
        failures += 1;
        logger.warn('performer failed its health check', { performer: running.id, failures });
      }
    }
    return `unhealthy ${HEALTH_FAILURES_TO_RESTART} times in a row`;
  }

  /** Deploys once and serves until the instance is lost; resolves with why, and how long it served. */
  async function serve(onServing: () => void): Promise<{ lost: string; healthyForMs: number }> {
    const instance = await deploy();
    const sinceMs = clock.nowMs();
    lastHealthyMs = sinceMs;
    client = instance.client;
    reason = undefined;
    reports.promoted();
    logger.info('performer in service', { performer: id, endpoint: instance.running.endpoint });
    onServing();
    announce();
    try {
      return { lost: await watch(instance), healthyForMs: clock.nowMs() - sinceMs };
    } finally {
      client = undefined;
      reason = 'the performer is restarted';
      // Tasks that it still does may finish within the grace time.
      await instance.running.stop(stopGraceMs).finally(() => instance.client.close());
    }
  }

  async function run(onServing: () => void, onFailure: (error: unknown) => void): Promise<void> {
    let restarts = 0;
    for (;;) {
      let healthyForMs = 0;
      let cause: LossCause = 'performer';
      reports.begin();
      try {
        const ended = await serve(onServing);
        reason = ended.lost;
        healthyForMs = ended.healthyForMs;
      } catch (error) {
        onFailure(error);
        if (closing.signal.aborted) return;
        reason = explain(error);
        if (isPonosError(error, 'DOCKER_UNAVAILABLE')) cause = 'engine';
      }
      reports.lost(reason, cause);
      const plan = planRestart(restarts, healthyForMs, cause);
      if (plan === undefined) break;
      restarts = plan.restarts;
      logger.warn('performer lost, restarting it', { performer: id, reason, ...plan });
      await clock.sleep(plan.delayMs, closing.signal);
    }
    givenUp = true;
    logger.error('performer given up after too many restarts', { performer: id, reason });
    announce();
  }

  let finished: Promise<void> = Promise.resolve();
  const firstDeployment = new Promise<void>((resolve, reject) => {
    finished = run(resolve, reject)
      .catch((error: unknown) => {
        if (!isPonosError(error, 'ABORTED')) throw error;
      })
      .finally(() => reports.removed('the node stopped'));
  });
  // Whoever awaits it gets the error; nobody has to.
  firstDeployment.catch(() => undefined);

  return {
    get state() {
      return { avs: spec.avs, inService: client !== undefined, id, lastHealthyMs, reason };
    },
    get client() {
      return client;
    },
    firstDeployment,
    async whenReplaced(lost, signal) {
      const stop = AbortSignal.any([signal, closing.signal]);
      for (;;) {
        if (stop.aborted) throw abortError(stop);
        if (client !== undefined && client !== lost) return client;
        if (givenUp) throw unavailable(spec.avs, reason);
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiters.delete(wake);
            stop.removeEventListener('abort', wake);
            resolve();
          };
          waiters.add(wake);
          stop.addEventListener('abort', wake, { once: true });
        });
      }
    },
    async close(graceMs) {
      stopGraceMs = graceMs;
      closing.abort();
      announce();
      await finished;
    },
  };
}

/** The error for a task whose performer is not there now. */
export function unavailable(avs: Address, reason: string | undefined): PonosError {
  return new PonosError('PERFORMER_UNAVAILABLE', {
    message: `the performer is not in service: ${reason ?? 'it is being deployed'}`,
    facts: { avs },
  });
}
