/** The environment of a performer: values, values of our own variables, nothing by accident. */
import { PonosError } from '../base/error.js';
import { Secret } from '../base/secret.js';
import type { EnvReference } from './runtime.js';

/** Variables by name. Values are secrets: they are neither stored nor logged. */
export type PerformerEnv = ReadonlyMap<string, Secret>;

/** As it stands in a configuration: one of the two. */
export interface KubernetesEnvSource {
  readonly valueFrom: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
    readonly configMapKeyRef?: { readonly name: string; readonly key: string };
  };
}

/** One entry of `avsPerformers[].envs`. */
export interface PerformerEnvEntry {
  readonly name: string;
  readonly value?: Secret;
  readonly valueFromEnv?: string;
  readonly kubernetesEnv?: KubernetesEnvSource;
}

/**
 * Looks the values up, of performers outside Kubernetes. A variable that is named but not set is an error, never an
 * empty string.
 * @param processEnv this program's own environment
 * @throws PonosError CONFIG_INVALID naming the entry
 */
export function resolvePerformerEnv(
  entries: readonly PerformerEnvEntry[],
  processEnv: Readonly<Record<string, string | undefined>>,
): PerformerEnv {
  const foreign = entries.find(({ kubernetesEnv }) => kubernetesEnv !== undefined);
  if (foreign !== undefined) {
    throw new PonosError('CONFIG_INVALID', {
      message: `the performer's variable ${foreign.name} comes from Kubernetes, and the performer does not run there`,
      advice: 'Give it a value or valueFromEnv.',
    });
  }
  return valuesOf(entries, processEnv);
}

/**
 * The same for a performer in Kubernetes: values that are in objects of the cluster are looked up there.
 * @throws PonosError CONFIG_INVALID naming the entry
 */
export function resolveClusterEnv(
  entries: readonly PerformerEnvEntry[],
  processEnv: Readonly<Record<string, string | undefined>>,
): { readonly env: PerformerEnv; readonly envFrom: readonly EnvReference[] } {
  return {
    env: valuesOf(
      entries.filter(({ kubernetesEnv }) => kubernetesEnv === undefined),
      processEnv,
    ),
    envFrom: entries.flatMap(({ name, kubernetesEnv }) =>
      kubernetesEnv === undefined ? [] : [referenceOf(name, kubernetesEnv)],
    ),
  };
}

function referenceOf(
  name: string,
  { valueFrom: { secretKeyRef, configMapKeyRef } }: KubernetesEnvSource,
): EnvReference {
  const given = secretKeyRef ?? configMapKeyRef;
  if (given === undefined || (secretKeyRef !== undefined && configMapKeyRef !== undefined)) {
    throw new PonosError('CONFIG_INVALID', {
      message: `the performer's variable ${name} must come from one of secretKeyRef and configMapKeyRef`,
    });
  }
  return {
    name,
    source: secretKeyRef === undefined ? 'configMap' : 'secret',
    object: given.name,
    key: given.key,
  };
}

function valuesOf(
  entries: readonly PerformerEnvEntry[],
  processEnv: Readonly<Record<string, string | undefined>>,
): PerformerEnv {
  return new Map(entries.map((entry) => [entry.name, valueOfEntry(entry, processEnv)]));
}

function valueOfEntry(
  entry: PerformerEnvEntry,
  processEnv: Readonly<Record<string, string | undefined>>,
): Secret {
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
