/** The variables of a performer, as they are given on a command line. Pure. */
import { PonosError } from '../../base/error.js';
import type { PerformerEnv } from '../../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';

export interface EnvFlags {
  /** `NAME=VALUE`, or `NAME` with the value that this command's own environment has. */
  readonly env?: readonly string[];
  /** `NAME=NAME_OF_THE_EXECUTOR`: from the executor's environment. */
  readonly envFrom?: readonly string[];
  /** `NAME=OBJECT/KEY` */
  readonly envSecret?: readonly string[];
  readonly envConfigMap?: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws PonosError USAGE that names the variable and no value */
export function performerEnvOf(flags: EnvFlags, own: Environment): PerformerEnv[] {
  return [
    ...(flags.env ?? []).map((text) => literal(text, own)),
    ...(flags.envFrom ?? []).map((text) => {
      const [name, valueFromEnv] = pairOf('--env-from', text);
      return variable(name, { valueFromEnv });
    }),
    ...(flags.envSecret ?? []).map((text) => {
      const [name, reference] = referenceOf('--env-secret', text);
      return variable(name, {
        kubernetesEnv: { valueFrom: { secretKeyRef: reference, configMapKeyRef: undefined } },
      });
    }),
    ...(flags.envConfigMap ?? []).map((text) => {
      const [name, reference] = referenceOf('--env-config-map', text);
      return variable(name, {
        kubernetesEnv: { valueFrom: { secretKeyRef: undefined, configMapKeyRef: reference } },
      });
    }),
  ];
}

function literal(text: string, own: Environment): PerformerEnv {
  const at = text.indexOf('=');
  if (at > 0) return variable(text.slice(0, at), { value: text.slice(at + 1) });
  const value = own[text];
  if (at === 0 || value === undefined) {
    throw new PonosError('USAGE', {
      message: at === 0 ? '--env has no name' : `--env ${text} has no value, and is not set here either`,
      advice: 'Give --env NAME=VALUE, or --env NAME to take the value of this environment.',
    });
  }
  return variable(text, { value });
}

function pairOf(flag: string, text: string): [name: string, source: string] {
  const [, name, source] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name !== undefined && source !== undefined) return [name, source];
  throw new PonosError('USAGE', { message: `${flag} must be NAME=SOURCE`, facts: { found: text } });
}

function referenceOf(flag: string, text: string): [name: string, reference: { name: string; key: string }] {
  const [name, source] = pairOf(flag, text);
  const [, object, key] = /^([^/]+)\/([^/]+)$/.exec(source) ?? [];
  if (object !== undefined && key !== undefined) return [name, { name: object, key }];
  throw new PonosError('USAGE', { message: `${flag} must be NAME=OBJECT/KEY`, facts: { found: text } });
}

function variable(name: string, source: Partial<PerformerEnv>): PerformerEnv {
  return { name, value: '', valueFromEnv: '', kubernetesEnv: undefined, ...source };
}
