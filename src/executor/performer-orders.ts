/** Which performers run when the node starts: those of the configuration, and what was said at run time since. Pure. */
import { createHash } from 'node:crypto';
import type { Address } from '../base/brands.js';
import type { PerformerConfig } from '../config/types.js';
import type { EarlierPerformer } from '../performer/performer-start.js';
import type { PerformerOrder, WantedPerformerRecord } from '../store/executor-performer-orders.js';
import type { DeploymentState } from '../store/executor-performer-records.js';

export interface PlannedPerformer {
  readonly avs: Address;
  /** Its entry in the configuration, if it has one. */
  readonly config: PerformerConfig | undefined;
  /** What a call asked for over it. */
  readonly wanted: WantedPerformerRecord | undefined;
  /** When that was kept. Milliseconds since the epoch. */
  readonly wantedAtMs?: number;
}

export interface PerformerPlan {
  readonly run: readonly PlannedPerformer[];
  /** Configured, and removed by a call since. */
  readonly removed: readonly Address[];
  /** Orders that the configuration has overruled: the AVS's entry was changed, or taken out, since. */
  readonly overruled: readonly PerformerOrder[];
}

/**
 * The last word counts. A call holds over the entry of its AVS as that was then; an entry that was changed later
 * holds over the call.
 */
export function planPerformers(
  configured: readonly PerformerConfig[],
  orders: readonly PerformerOrder[],
): PerformerPlan {
  const byAvs = new Map(configured.map((config) => [config.avsAddress, config]));
  const overruled = orders.filter(({ avs, configured: then }) => then !== entryMark(byAvs.get(avs)));
  const standing = new Map(
    orders.filter((order) => !overruled.includes(order)).map((order) => [order.avs, order]),
  );
  const run: PlannedPerformer[] = [];
  const removed: Address[] = [];
  for (const avs of new Set([...byAvs.keys(), ...standing.keys()])) {
    const order = standing.get(avs);
    if (order !== undefined && order.wanted === undefined) removed.push(avs);
    else run.push({ avs, config: byAvs.get(avs), wanted: order?.wanted, wantedAtMs: order?.atMs });
  }
  return { run, removed, overruled };
}

/**
 * Stands for an entry of `avsPerformers`: another entry has another mark. Values of variables have no part in it, for
 * it is stored. Undefined for an AVS without an entry.
 */
export function entryMark(config: PerformerConfig | undefined): string | undefined {
  if (config === undefined) return undefined;
  const { deploymentMode, image, command, resources, kubernetes } = config;
  const { memory, cpus, pids, readOnlyRootfs, user } = resources;
  const facts = [
    deploymentMode,
    [image?.repository, image?.tag, image?.digest],
    command,
    config.envs.map(({ name, valueFromEnv, kubernetesEnv }) => [name, valueFromEnv, kubernetesEnv]),
    [memory, cpus, pids, readOnlyRootfs, user],
    [kubernetes?.serviceAccountName, kubernetes?.endpointOverride],
  ];
  return createHash('sha256').update(JSON.stringify(facts), 'utf8').digest('hex');
}

/**
 * What an earlier run has left of an AVS's performer, to be taken over: the one in service, else one that was being
 * deployed.
 * @param wantedAtMs when the last order was kept. That comes before a deployment is written down as in service: one that
 *   had begun by then is the one that was ordered, and may be all that has the values of its variables
 */
export function earlierPerformer(
  avs: Address,
  unfinished: readonly DeploymentState[],
  wantedAtMs?: number,
): EarlierPerformer | undefined {
  const withStatus = (status: string) =>
    unfinished.findLast((each) => each.deployment.avs === avs && each.performer?.status === status);
  const staged = withStatus('Staged');
  const isOrdered =
    wantedAtMs !== undefined && staged !== undefined && staged.deployment.askedAtMs < wantedAtMs;
  const found = isOrdered ? staged : (withStatus('InService') ?? staged);
  if (found?.performer === undefined) return undefined;
  const { id, image, command } = found.deployment;
  const { performer } = found;
  return {
    deployment: { id, avs, image, command },
    instance: { id: performer.id, avs, containerId: performer.containerId },
  };
}
