/** Whether a container that runs is what a spec would make. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type Docker from 'dockerode';

/** What the engine says of the image that a container was made of. */
export type ImageDefaults = Pick<Docker.ImageInspectInfo['Config'], 'Cmd' | 'Env' | 'User'>;

/**
 * @param wanted what a container would be made with now; the rest is the image's
 * @returns the first thing in which the container differs, in words; undefined when it is the same
 */
export function differenceTo(
  wanted: Docker.ContainerCreateOptions,
  { Config, HostConfig }: Pick<Docker.ContainerInspectInfo, 'Config' | 'HostConfig'>,
  image: ImageDefaults,
): string | undefined {
  if (Config.Image !== wanted.Image) return 'its image';
  if (!isDeepStrictEqual(Config.Cmd ?? [], wanted.Cmd ?? image.Cmd ?? [])) return 'its arguments';
  if ((Config.User ?? '') !== (wanted.User ?? image.User ?? '')) return 'its user';
  const env = variables([...(image.Env ?? []), ...(wanted.Env ?? [])]);
  if (!isDeepStrictEqual(variables(Config.Env ?? []), env)) return 'its variables';
  if (!contains(Config.Labels, wanted.Labels)) return 'its labels';
  if (!contains(HostConfig, wanted.HostConfig)) return 'its limits or its network';
  return undefined;
}

/** Of `NAME=value`, of which the last of a name counts. */
export function variables(env: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    env.map((entry) => {
      const [name = '', ...value] = entry.split('=');
      return [name, value.join('=')];
    }),
  );
}

/** Engines add fields of their own to what they were asked for: what was asked for must be there. */
function contains(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) {
    return isDeepStrictEqual(actual, wanted);
  }
  if (typeof actual !== 'object' || actual === null) return false;
  const fields = new Map(Object.entries(actual));
  return Object.entries(wanted).every(([name, value]) => contains(fields.get(name), value));
}
