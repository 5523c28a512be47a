/** What the files of deploy/ promise: to each other, to the program's defaults, to its users' existing files. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { schemaOf } from '../../../src/config/role.js';
import { DEPLOY_FOLDER, readComposeFile, secondsOf } from '../../support/compose-file.js';

const ROLES = ['aggregator', 'executor'] as const;
const compose = readComposeFile({ DOCKER_GROUP_ID: '998' });
const dockerfile = fs.readFileSync(path.join(DEPLOY_FOLDER, 'Dockerfile'), 'utf8');

/** What a key has when nothing is written, by the schema. */
function defaultOf(role: (typeof ROLES)[number], ...keys: string[]): unknown {
  let option: unknown = schemaOf(role);
  for (const key of keys) {
    const { properties } = option as { properties?: Record<string, unknown> };
    option = properties?.[key];
  }
  return (option as { default?: unknown }).default;
}

/** All values of each directive. */
function readUnit(role: string): Map<string, string[]> {
  const directives = new Map<string, string[]>();
  for (const line of fs.readFileSync(path.join(DEPLOY_FOLDER, `ponos-${role}.service`), 'utf8').split('\n')) {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) directives.set(name, [...(directives.get(name) ?? []), value ?? '']);
  }
  return directives;
}

describe.each(ROLES)('of the %s', (role) => {
  const service = compose.services[role];
  const state = `/var/lib/ponos/${role}/badger`;
  const graceSeconds = Number(defaultOf(role, 'shutdown', 'graceSeconds'));

  test('default: its state is in a named volume, where the image has a folder for it', () => {
    expect(service.volumes).toContain(`${role}-data:${state}`);
    // By a name of its own: by Compose's it would be another one as soon as the file is in another folder.
    expect(compose.volumes[`${role}-data`]).toEqual({ name: `ponos-${role}-data` });
    expect(dockerfile).toMatch(new RegExp(`install -d -m 0750 [\\s\\S]* ${state}\\b`));
  });

  test('default: its secrets are files that the compose file names', () => {
    for (const { source } of service.secrets) expect(compose.secrets[source]?.file).toMatch(/^\.\/config\//);
    expect(service.secrets.map(({ target }) => target)).toContain(service.command.at(-1));
  });

  test('default: it is contained, restarted, and asked for its health at its default port', () => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
      command: [role, 'run', '--config', `/etc/ponos/${role}.yaml`],
    });
    const port =
      role === 'executor' ? defaultOf(role, 'grpcPort') : defaultOf(role, 'managementServerGrpcPort');
    expect(service.healthcheck.test.slice(0, 3)).toEqual(['CMD', 'ponos', 'health']);
    expect(service.healthcheck.test.at(-1)).toBe(`127.0.0.1:${port}`);
  });

  test('behavior: it has longer to end than it needs, in a container and as a service', () => {
    expect(graceSeconds).toBeGreaterThan(0);
    expect(secondsOf(service.stop_grace_period)).toBeGreaterThan(graceSeconds);
    expect(Number(readUnit(role).get('TimeoutStopSec')?.[0])).toBeGreaterThan(graceSeconds);
  });

  test('behavior: as a service it is restarted after failures, not after a wrong configuration', () => {
    const unit = Object.fromEntries(readUnit(role));
    expect(unit).toMatchObject({
      ExecStart: [`/usr/local/bin/ponos ${role} run --config /etc/ponos/${role}.yaml`],
      Restart: ['on-failure'],
      RestartPreventExitStatus: ['2'],
      // Performers that are processes finish their tasks before they are told to end.
      KillMode: ['mixed'],
      StateDirectory: [`ponos/${role}`],
      StateDirectoryMode: ['0750'],
      User: ['ponos'],
      NoNewPrivileges: ['yes'],
      ProtectSystem: ['strict'],
      CapabilityBoundingSet: [''],
      LimitNOFILE: ['65536'],
    });
    expect(unit).not.toHaveProperty('MemoryDenyWriteExecute');
  });
});

test('behavior: builders that make every stage can make the image without what `make build` makes', () => {
  const [prebuilt = ''] = dockerfile.split('AS prebuilt\n').slice(1);
  expect(prebuilt.split('\n')[0]).toMatch(/^COPY --chown=0:0 package\.json dist\/ponos\.cj\[s\] /);
});

test('default: neither keys nor configurations get into the context of a build', () => {
  const [first, ...rest] = fs
    .readFileSync(path.join(DEPLOY_FOLDER, '..', '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(first).toBe('*');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(?:--\S+ )?(.*) \S+$/gm)].flatMap(
    ([, sources = '']) => sources.replace('cj[s]', 'cjs').split(' '),
  );
  expect(new Set(rest)).toEqual(new Set(['deploy/Dockerfile', ...copied].map((file) => `!${file}`)));
});

test('default: only the executor has the socket of the engine and the network of performers', () => {
  const { aggregator, executor } = compose.services;
  expect(JSON.stringify(aggregator)).not.toContain('docker.sock');
  expect(executor.volumes).toContain('/var/run/docker.sock:/var/run/docker.sock');
  expect([aggregator.networks, executor.networks]).toEqual([['nodes'], ['nodes', 'performers']]);
  // Executors make that network where it is missing: Compose refuses one that it has not made, unless it is external.
  expect(compose.networks.performers).toEqual({ name: 'hourglass-network', external: true });
  expect(executor).not.toHaveProperty('hostname');
  expect([aggregator.ports, executor.ports]).toEqual([undefined, ['9090:9090']]);
  expect(() => readComposeFile({})).toThrow('DOCKER_GROUP_ID is not set');
});
