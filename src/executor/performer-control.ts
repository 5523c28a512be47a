/** Managing the performers while the node runs: what is said here outlives a restart. */
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { PerformerConfig } from '../config/types.js';
import type { PerformerEnvEntry } from '../performer/env.js';
import type { PerformerPool } from '../performer/performer-pool.js';
import type { PerformerState } from '../performer/performer-state.js';
import type { ProgressListener } from '../performer/runtime.js';
import { changedSpec, type DeploymentMode, type PerformerChanges } from '../performer/spec-from-config.js';
import type { Deployed } from '../performer/supervised-performer.js';
import type { EnvSourceRecord, PerformerOrderStore } from '../store/executor-performer-orders.js';
import { entryMark } from './performer-orders.js';
import type { RequireReleased } from './require-released.js';

export interface PerformerControl {
  /**
   * Deploys what is asked for, beside the performer that the AVS has; resolves when it is in service. The former one
   * finishes its tasks after that. If the deployment fails, the former one stays and nothing is kept of the request.
   * @param signal gives the deployment up
   * @throws PonosError DEPLOYMENT_UNDER_WAY, REQUEST_INVALID for an image where performers are processes or a
   *   service account where they are not in Kubernetes, and as `PerformerPool.deploy`; RELEASE_REFUSED, and those of the chain, where images must be released; STORE_UNAVAILABLE
   */
  deploy(request: PerformerChanges, onProgress: ProgressListener, signal: AbortSignal): Promise<Deployed>;
  /**
   * Removes a performer by the id that `list` has; a deployment is given up by it. Resolves when it is gone, and that
   * takes as long as its tasks, `limits.drainSeconds` at most.
   * @throws PonosError PERFORMER_MISSING; DEPLOYMENT_UNDER_WAY for one that is about to be replaced; STORE_UNAVAILABLE
   */
  remove(performerId: string): Promise<void>;
  list(): readonly PerformerState[];
}

export interface PerformerControlOptions {
  readonly pool: PerformerPool;
  readonly orders: PerformerOrderStore;
  readonly configured: readonly PerformerConfig[];
  readonly mode: DeploymentMode;
  /** This program's own environment. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  /** Lets the image of a deployment pass, or throws; absent: any may run. */
  readonly requireReleased?: RequireReleased;
  readonly clock: Clock;
}

export function createPerformerControl(options: PerformerControlOptions): PerformerControl {
  const { pool, orders, configured, mode, processEnv, requireReleased, clock } = options;
  const entryOf = (avs: string) => configured.find(({ avsAddress }) => avsAddress === avs);

  return {
    list: () => pool.list(),
    async deploy(request, onProgress, signal) {
      const { avs, image, envs, serviceAccountName } = request;
      if (mode === 'process' && image !== undefined) {
        throw new PonosError('REQUEST_INVALID', {
          message: 'the performers of this node are processes: no image can be deployed',
          facts: { avs },
        });
      }
      if (mode !== 'kubernetes' && serviceAccountName !== undefined) {
        throw new PonosError('REQUEST_INVALID', {
          message: `kubernetes: the performers of this node run in mode ${mode}, and have no service account`,
          facts: { avs },
        });
      }
      const config = entryOf(avs);
      const spec = changedSpec(config, mode, request, processEnv);
      await requireReleased?.(spec);
      const wanted = {
        ...(image && { image }),
        envs: envs.map(sourceOf),
        ...(serviceAccountName !== undefined && { serviceAccountName }),
      };
      const beforeService = () => {
        const mark = entryMark(config);
        return orders.save({
          avs,
          atMs: clock.nowMs(),
          wanted,
          ...(mark !== undefined && { configured: mark }),
        });
      };
      return pool.deploy(spec, { onProgress, beforeService }, signal);
    },
    async remove(performerId) {
      const performers = pool.list();
      const found = performers.find(({ id }) => id === performerId);
      if (found === undefined || found.status === 'Staged' || found.status === 'Draining') {
        return pool.remove(performerId);
      }
      const { avs } = found;
      if (performers.some((each) => each.avs === avs && each.status === 'Staged')) {
        throw new PonosError('DEPLOYMENT_UNDER_WAY', {
          message: 'this performer is about to be replaced by another one that is being deployed',
          facts: { avs, performer: performerId },
          advice: 'Wait for the end of the deployment, or remove the one that is staged first.',
        });
      }
      const mark = entryMark(entryOf(avs));
      return pool.remove(performerId, () =>
        mark === undefined ? orders.remove(avs) : orders.save({ avs, atMs: clock.nowMs(), configured: mark }),
      );
    },
  };
}

/** What may be kept of a variable. */
function sourceOf({ name, valueFromEnv, kubernetesEnv }: PerformerEnvEntry): EnvSourceRecord {
  return {
    name,
    ...(valueFromEnv !== undefined && { valueFromEnv }),
    ...(kubernetesEnv !== undefined && { kubernetesEnv }),
  };
}
