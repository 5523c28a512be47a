/** An entry of `avsPerformers`, and what was asked for over it, as something that can be run. */
import type { Address } from '../base/brands.js';
import type { PerformerConfig } from '../config/types.js';
import type { EnvSourceRecord } from '../store/executor-performer-orders.js';
import { type PerformerEnvEntry, resolveClusterEnv, resolvePerformerEnv } from './env.js';
import type { PerformerImage, PerformerResources, PerformerSpec } from './runtime.js';

type ProcessEnv = Readonly<Record<string, string | undefined>>;
export type DeploymentMode = PerformerConfig['deploymentMode'];

/** Of an AVS that has no entry; as those of an entry that says nothing about them. */
const DEFAULT_RESOURCES: PerformerResources = {
  memoryBytes: 1_073_741_824,
  cpus: 2,
  pids: 512,
  readOnlyRootfs: false,
};

/** What a call asks for: the rest is as configured. */
export interface PerformerChanges {
  readonly avs: Address;
  readonly image?: PerformerImage;
  /** Added to those of the configuration; of two with one name, this one holds. */
  readonly envs: readonly PerformerEnvEntry[];
  /** In Kubernetes. */
  readonly serviceAccountName?: string;
}

/** What a call asked for in an earlier run of the node. */
export type KeptChanges = Omit<PerformerChanges, 'envs'> & { readonly envs: readonly EnvSourceRecord[] };

/**
 * @param processEnv this program's own environment, for `valueFromEnv`
 * @throws PonosError CONFIG_INVALID when a variable has no value
 */
export function performerSpec(config: PerformerConfig, processEnv: ProcessEnv): PerformerSpec {
  return changedSpec(config, config.deploymentMode, { avs: config.avsAddress, envs: [] }, processEnv);
}

/**
 * What a call asked for, while its values are at hand.
 * @param config the AVS's entry, if it has one
 * @throws PonosError CONFIG_INVALID when a variable has no value
 */
export function changedSpec(
  config: PerformerConfig | undefined,
  mode: DeploymentMode,
  { avs, image, envs, serviceAccountName }: PerformerChanges,
  processEnv: ProcessEnv,
): PerformerSpec {
  const all = overlay(config?.envs ?? [], envs);
  const common = {
    avs,
    // A process has none, even if the configuration names one for another mode.
    image: mode === 'process' ? undefined : (image ?? config?.image),
    command: config?.command ?? [],
    resources: config === undefined ? DEFAULT_RESOURCES : resourcesOf(config.resources),
  };
  if (mode !== 'kubernetes') return { ...common, env: resolvePerformerEnv(all, processEnv) };
  const { env, envFrom } = resolveClusterEnv(all, processEnv);
  const { endpointOverride, serviceAccountName: configured } = config?.kubernetes ?? {};
  const account = serviceAccountName ?? configured;
  return {
    ...common,
    env,
    cluster: {
      envFrom,
      ...(account !== undefined && { serviceAccountName: account }),
      ...(endpointOverride !== undefined && { endpointOverride }),
    },
  };
}

/**
 * What a call asked for in an earlier run of the node. Variables whose values are not known any more are named in
 * `lostEnv`.
 * @throws PonosError CONFIG_INVALID when a variable of the configuration has no value
 */
export function keptSpec(
  config: PerformerConfig | undefined,
  mode: DeploymentMode,
  { envs, ...changes }: KeptChanges,
  processEnv: ProcessEnv,
): PerformerSpec {
  const isKnown = ({ valueFromEnv, kubernetesEnv }: EnvSourceRecord) =>
    kubernetesEnv !== undefined || (valueFromEnv !== undefined && processEnv[valueFromEnv] !== undefined);
  const lostEnv = envs.filter((env) => !isKnown(env));
  const configured = (config?.envs ?? []).filter(({ name }) => !lostEnv.some((lost) => lost.name === name));
  const spec = changedSpec(
    config && { ...config, envs: configured },
    mode,
    { ...changes, envs: envs.filter(isKnown) },
    processEnv,
  );
  return lostEnv.length === 0 ? spec : { ...spec, lostEnv };
}

function resourcesOf({ memory, ...rest }: PerformerConfig['resources']): PerformerResources {
  return { memoryBytes: memory, ...rest };
}

function overlay(
  below: readonly PerformerEnvEntry[],
  above: readonly PerformerEnvEntry[],
): PerformerEnvEntry[] {
  return [...new Map([...below, ...above].map((env) => [env.name, env])).values()];
}
