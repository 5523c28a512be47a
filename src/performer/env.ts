/** The environment of a performer: values, values of our own variables, nothing by accident. */
import { PonosError } from '../base/error.js';
import { Secret } from '../base/secret.js';

/** Variables by name. Values are secrets: they are neither stored nor logged. */
export type PerformerEnv = ReadonlyMap<string, Secret>;

/** One entry of `avsPerformers[].envs`. */
export interface PerformerEnvEntry {
  readonly name: string;
  readonly value?: Secret;
  readonly valueFromEnv?: string;
  readonly kubernetesEnv?: unknown;
}

/**
 * Looks the values up. A variable that is named but not set is an error, never an empty string.
 * @param processEnv this program's own environment
 * @throws PonosError CONFIG_INVALID naming the entry
 */
export function resolvePerformerEnv(
  entries: readonly PerformerEnvEntry[],
  processEnv: Readonly<Record<string, string | undefined>>,
): PerformerEnv {
  return new Map(entries.map((entry) => [entry.name, resolve(entry, processEnv)]));
}

function resolve(entry: PerformerEnvEntry, processEnv: Readonly<Record<string, string | undefined>>): Secret {
  if (entry.kubernetesEnv !== undefined) {
    throw new PonosError('CONFIG_INVALID', {
      message: `the performer's variable ${entry.name} comes from Kubernetes, and the performer does not run there`,
      advice: 'Give it a value or valueFromEnv.',
    });
  }
  if (entry.value !== undefined) return entry.value;
  if (entry.valueFromEnv === undefined) {
    throw new PonosError('CONFIG_INVALID', {
      message: `the performer's variable ${entry.name} has no value`,
      advice: 'Give it a value or valueFromEnv.',
    });
  }
  const value = processEnv[entry.valueFromEnv];
  if (value === undefined) {
    throw new PonosError('CONFIG_INVALID', {
      message: `the performer's variable ${entry.name} comes from ${entry.valueFromEnv}, which is not set`,
      advice: `Set ${entry.valueFromEnv} in the executor's environment.`,
    });
  }
  return new Secret(value);
}
