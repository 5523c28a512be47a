/** The executor's performers: those of the configuration and of earlier calls, with their history and their management. */
import type { Clock } from '../base/clock.js';
import type { CloseStack } from '../base/close-stack.js';
import type { Logger } from '../base/logger.js';
import type { ExecutorConfig } from '../config/types.js';
import { createLazyRuntime } from '../performer/lazy-runtime.js';
import { openPerformerRuntime } from '../performer/open-runtime.js';
import { OutputLog } from '../performer/output-log.js';
import { type FirstPerformer, type PerformerPool, startPerformerPool } from '../performer/performer-pool.js';
import type { PerformerRuntime } from '../performer/runtime.js';
import { type DeploymentMode, keptSpec, performerSpec } from '../performer/spec-from-config.js';
import { createPerformerOrderStore } from '../store/executor-performer-orders.js';
import type { DeploymentState } from '../store/executor-performer-records.js';
import { createPerformerStore, type PerformerStore } from '../store/executor-performers.js';
import type { KeyValueStore } from '../store/key-value-store.js';
import { createPerformerControl, type PerformerControl } from './performer-control.js';
import { openPerformerJournal } from './performer-journal.js';
import {
  earlierPerformer,
  type PerformerPlan,
  type PlannedPerformer,
  planPerformers,
} from './performer-orders.js';
import { type RequireReleased, releasedFirst } from './require-released.js';

export interface PerformersConfig
  extends Pick<ExecutorConfig, 'avsPerformers' | 'performerNetworkName' | 'kubernetes'> {
  readonly operator: Pick<ExecutorConfig['operator'], 'address'>;
  readonly l1Chain: Pick<ExecutorConfig['l1Chain'], 'chainId'>;
  readonly limits: Pick<ExecutorConfig['limits'], 'maxOutputBytes' | 'drainSeconds'>;
}

export interface OpenPerformersOptions {
  readonly store: KeyValueStore;
  readonly config: PerformersConfig;
  /** Lets an image pass, or throws; absent: any may run. */
  readonly requireReleased?: RequireReleased;
  /** This program's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends what is started here. */
  readonly stack: CloseStack;
}

export interface OpenedPerformers {
  readonly pool: PerformerPool;
  readonly control: PerformerControl;
  /** What performers print. */
  readonly output: OutputLog;
  /** What the store has of them, all that has happened before the question included. */
  readonly records: Pick<PerformerStore, 'performers' | 'deployments'>;
}

/**
 * Resolves when every performer is in service, or is being restarted.
 * @throws PonosError of kind `user` for a configured performer, one that is not released included, STORE_UNAVAILABLE, STORE_CORRUPT, ABORTED
 */
export async function openPerformers(
  options: OpenPerformersOptions,
  signal: AbortSignal,
): Promise<OpenedPerformers> {
  const { store, config, env, clock, logger, stack } = options;
  const kept = createPerformerStore(store);
  const journal = await openPerformerJournal({ store: kept, logger });
  stack.add('the history of the performers', () => journal.written());

  const orders = createPerformerOrderStore(store);
  const plan = planPerformers(config.avsPerformers, await orders.all());
  reportPlan(plan, logger);
  for (const { avs } of plan.overruled) await orders.remove(avs);

  // All performers have one mode.
  const mode = config.avsPerformers[0]?.deploymentMode ?? (config.kubernetes ? 'kubernetes' : 'docker');
  const first = plan.run.map((planned) => firstPerformer(planned, mode, env, journal.unfinished));
  const { requireReleased } = options;
  const performers = await releasedFirst(first, requireReleased, logger);
  const output = new OutputLog();
  const open = () => openRuntime(mode, output, options);
  const needsRuntime = performers.length > 0 || journal.unfinished.length > 0;
  const pool = await startPerformerPool(
    {
      performers,
      runtime: needsRuntime ? await open() : createLazyRuntime(open),
      maxOutputBytes: config.limits.maxOutputBytes,
      drainMs: config.limits.drainSeconds * 1_000,
      listener: journal.listener,
      clock,
      logger,
    },
    signal,
  );
  stack.add('the performers', () => pool.close(0));
  await journal.endEarlierRun();
  const configured = config.avsPerformers;
  return {
    pool,
    control: createPerformerControl({
      pool,
      orders,
      configured,
      mode,
      processEnv: env,
      requireReleased,
      clock,
    }),
    output,
    records: {
      performers: () => journal.written().then(kept.performers),
      deployments: () => journal.written().then(kept.deployments),
    },
  };
}

function reportPlan({ removed, overruled, run }: PerformerPlan, logger: Logger): void {
  for (const { avs } of overruled) {
    logger.warn(
      'the configuration of a performer was changed since it was deployed or removed by a call; the configuration holds',
      { avs },
    );
  }
  for (const avs of removed) {
    logger.warn('a configured performer is not started: it was removed by a call', { avs });
  }
  for (const { avs, wanted } of run) {
    if (wanted !== undefined)
      logger.info('a performer runs as it was deployed by a call', { avs, ...wanted.image });
  }
}

/** @throws PonosError CONFIG_INVALID for a configured variable without a value */
function firstPerformer(
  { avs, config, wanted, wantedAtMs }: PlannedPerformer,
  mode: DeploymentMode,
  env: OpenPerformersOptions['env'],
  unfinished: readonly DeploymentState[],
): FirstPerformer {
  const earlier = earlierPerformer(avs, unfinished, wantedAtMs);
  if (wanted === undefined && config !== undefined) {
    return { spec: performerSpec(config, env), earlier, isEssential: true };
  }
  const spec = keptSpec(config, mode, { avs, envs: [], ...wanted }, env);
  // Only a call can mend it, and a node that does not start takes none.
  return { spec, earlier, isEssential: false };
}

function openRuntime(
  mode: DeploymentMode,
  output: OutputLog,
  { config, env, clock, logger }: OpenPerformersOptions,
): Promise<PerformerRuntime> {
  return openPerformerRuntime({
    mode,
    operator: config.operator.address,
    l1ChainId: config.l1Chain.chainId,
    networkName: config.performerNetworkName,
    kubernetes: config.kubernetes,
    processEnv: env,
    output,
    clock,
    logger,
  });
}
