/** An entry of `avsPerformers` as something that can be run. */
import type { PerformerConfig } from '../config/types.js';
import { resolvePerformerEnv } from './env.js';
import type { PerformerSpec } from './runtime.js';

/**
 * @param processEnv this program's own environment, for `valueFromEnv`
 * @throws PonosError CONFIG_INVALID when a variable has no value
 */
export function performerSpec(
  config: PerformerConfig,
  processEnv: Readonly<Record<string, string | undefined>>,
): PerformerSpec {
  const { memory, cpus, pids, readOnlyRootfs, user } = config.resources;
  return {
    avs: config.avsAddress,
    // A process has none, even if the configuration names one for another mode.
    image: config.deploymentMode === 'process' ? undefined : config.image,
    command: config.command,
    env: resolvePerformerEnv(config.envs, processEnv),
    resources: { memoryBytes: memory, cpus, pids, readOnlyRootfs, user },
  };
}
