/** deploy/docker-compose.yml as data, and its services as an engine makes containers of them. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { parse } from 'yaml';

export const DEPLOY_FOLDER = fileURLToPath(new URL('../../deploy', import.meta.url));

export interface ComposeService {
  readonly image: string;
  readonly command: readonly string[];
  readonly init: boolean;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly pids_limit: number;
  readonly logging: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  readonly restart: string;
  readonly stop_signal: string;
  readonly stop_grace_period: string;
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  readonly tmpfs: readonly string[];
  readonly secrets: readonly { readonly source: string; readonly target: string }[];
  readonly healthcheck: {
    readonly test: readonly [string, ...string[]];
    readonly interval: string;
    readonly timeout: string;
    readonly start_period: string;
    readonly retries: number;
  };
  readonly group_add?: readonly string[];
  readonly ports?: readonly string[];
}

export interface ComposeFile {
  readonly services: Readonly<Record<'aggregator' | 'executor', ComposeService>>;
  readonly volumes: Readonly<Record<string, { readonly name: string }>>;
  readonly networks: Readonly<Record<string, { readonly name: string; readonly external: boolean } | null>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** @param env for `${NAME:-default}` and `${NAME:?why}` in the file */
export function readComposeFile(env: Readonly<Record<string, string>>): ComposeFile {
  const text = fs.readFileSync(path.join(DEPLOY_FOLDER, 'docker-compose.yml'), 'utf8');
  return substituted(parse(text, { merge: true }), env) as ComposeFile;
}

function substituted(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{(\w+):([-?])([^}]*)\}/g, (_all, name: string, kind: string, text: string) => {
      const found = env[name] ?? (kind === '-' ? text : undefined);
      if (found === undefined) throw new Error(`${name} is not set: ${text}`);
      return found;
    });
  }
  if (Array.isArray(value)) return value.map((item) => substituted(item, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, substituted(inner, env)]));
}

/** `45s` or `1m`. */
export function secondsOf(duration: string): number {
  const [, number, unit] = /^(\d+)(s|m)$/.exec(duration) ?? [];
  if (number === undefined) throw new Error(`no duration: ${duration}`);
  return Number(number) * (unit === 'm' ? 60 : 1);
}

/**
 * A container as Compose would make it, in the first of its networks; published on a free port, and asked every second
 * whether it is healthy.
 * @param secretFile the file of a secret on this machine
 */
export function containerOf(
  service: ComposeService,
  secretFile: (source: string) => string,
): Docker.ContainerCreateOptions {
  const { image, command, init, read_only, cap_drop, security_opt, pids_limit, ...more } = service;
  const { logging, restart, stop_signal, stop_grace_period, healthcheck, ...places } = more;
  const { networks, volumes, tmpfs, secrets, group_add, ports, ...unknown } = places;
  if (Object.keys(unknown).length > 0) throw new Error(`not understood: ${Object.keys(unknown)}`);
  const exposed = (ports ?? []).map((port) => `${port.split(':')[1]}/tcp`);
  return {
    Image: image,
    Cmd: [...command],
    StopSignal: stop_signal,
    StopTimeout: secondsOf(stop_grace_period),
    Healthcheck: {
      Test: [...healthcheck.test],
      Interval: 1e9,
      Timeout: secondsOf(healthcheck.timeout) * 1e9,
      StartPeriod: secondsOf(healthcheck.start_period) * 1e9,
      Retries: healthcheck.retries,
    },
    ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])),
    HostConfig: {
      Init: init,
      ReadonlyRootfs: read_only,
      CapDrop: [...cap_drop],
      SecurityOpt: [...security_opt],
      PidsLimit: pids_limit,
      LogConfig: { Type: logging.driver, Config: { ...logging.options } },
      RestartPolicy: { Name: restart },
      NetworkMode: networks[0],
      GroupAdd: [...(group_add ?? [])],
      Binds: [...volumes, ...secrets.map(({ source, target }) => `${secretFile(source)}:${target}:ro`)],
      Tmpfs: Object.fromEntries(tmpfs.map((mount) => pairOf(mount))),
      PortBindings: Object.fromEntries(
        exposed.map((port) => [port, [{ HostIp: '127.0.0.1', HostPort: '' }]]),
      ),
    },
  };
}

function pairOf(mount: string): [string, string] {
  const [target = '', options = ''] = mount.split(':');
  return [target, options];
}
