/** Variables of a performer whose values nobody knows but the instance that runs with them. */
import { PonosError } from '../base/error.js';
import { Secret } from '../base/secret.js';
import type { PerformerEnvEntry } from './env.js';
import type { PerformerSpec } from './runtime.js';

/** Of variables that a call has given: the names of those whose values nobody knows after a restart of the node. */
export function valuesNotKept(envs: readonly PerformerEnvEntry[]): readonly string[] {
  return envs.filter(({ value }) => value !== undefined).map(({ name }) => name);
}

/** Whether the spec can be adopted, and not deployed. */
export function hasLostEnv({ lostEnv = [] }: PerformerSpec): boolean {
  return lostEnv.length > 0;
}

/**
 * The spec with the values of its `lostEnv`; undefined when one of them is not there.
 * @param found variables of the instance that runs with them
 */
export function recoverLostEnv(
  { lostEnv = [], ...spec }: PerformerSpec,
  found: ReadonlyMap<string, string>,
): PerformerSpec | undefined {
  const recovered = new Map(spec.env);
  for (const { name } of lostEnv) {
    const value = found.get(name);
    if (value === undefined) return undefined;
    recovered.set(name, new Secret(value));
  }
  return { ...spec, env: recovered };
}

/** @throws PonosError PERFORMER_UNAVAILABLE for a spec with such variables */
export function checkDeployable({ avs, lostEnv = [] }: PerformerSpec): void {
  const notKept = lostEnv.filter(({ valueFromEnv }) => valueFromEnv === undefined);
  if (notKept.length > 0) {
    const names = notKept.map(({ name }) => name).join(', ');
    throw new PonosError('PERFORMER_UNAVAILABLE', {
      message: `the performer needs to be deployed again: the values of ${names} came with a call and are not kept`,
      facts: { avs },
      advice: 'Deploy it again with the values, or give valueFromEnv, which outlives a restart.',
    });
  }
  const [unset] = lostEnv;
  if (unset === undefined) return;
  throw new PonosError('PERFORMER_UNAVAILABLE', {
    message: `the performer's variable ${unset.name} comes from ${unset.valueFromEnv}, which is not set`,
    facts: { avs },
    advice: "Set it in the executor's environment and restart the node, or deploy the performer again.",
  });
}
