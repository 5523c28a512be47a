import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { Secret } from '../../../src/base/secret.js';
import { checkNetworkName, containerOptions } from '../../../src/performer/docker-container.js';
import type { PerformerSpec } from '../../../src/performer/runtime.js';

const AVS = parseAddress('0xDbD92D51a79FaA4Ff31e7D6AbeFcE76358B64f84');
const OWNER = { operator: parseAddress(`0x${'0b'.repeat(20)}`), l1ChainId: 1 };
const spec: PerformerSpec = {
  avs: AVS,
  image: { repository: 'avs' },
  command: [],
  env: new Map([['API_KEY', new Secret('k')]]),
  resources: { memoryBytes: 1e9, cpus: 0.5, pids: 64, readOnlyRootfs: false },
};

describe('checkNetworkName', () => {
  test('default: none, and any network of their own', () => {
    for (const name of ['', 'bridge', 'hourglass', 'hosts'])
      expect(() => checkNetworkName(name)).not.toThrow();
  });

  test.each(['host', 'none', 'container:db'])('error: %s', (name) => {
    expect(() => checkNetworkName(name)).toThrow(`performerNetworkName cannot be ${name}`);
  });
});

describe('containerOptions', () => {
  const options = (changes: Partial<PerformerSpec> = {}, network?: string) =>
    containerOptions({ ...spec, ...changes }, 'avs:latest', 'name', OWNER, network);

  test('default: without rights, within limits, on a loopback port', () => {
    expect(options().HostConfig).toMatchObject({
      PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1' }] },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 64,
      Memory: 1e9,
      MemorySwap: 1e9,
      NanoCpus: 5e8,
      ReadonlyRootfs: false,
      RestartPolicy: { Name: 'no' },
    });
    expect(options().Env).toEqual([`AVS_ADDRESS=${AVS}`, 'API_KEY=k', 'GRPC_PORT=8080']);
    expect(options()).not.toHaveProperty('User');
    expect(options()).not.toHaveProperty('Cmd');
  });

  test('behavior: in a network no port is published', () => {
    const { HostConfig } = options({}, 'hourglass');
    expect(HostConfig).toMatchObject({ NetworkMode: 'hourglass' });
    expect(HostConfig).not.toHaveProperty('PortBindings');
  });

  test('behavior: user, arguments and a read-only root on request', () => {
    const changed = options({
      command: ['--fast'],
      resources: { ...spec.resources, user: '1000:1000', readOnlyRootfs: true },
    });
    expect(changed).toMatchObject({ User: '1000:1000', Cmd: ['--fast'] });
    expect(changed.HostConfig).toMatchObject({ ReadonlyRootfs: true, Tmpfs: { '/tmp': expect.any(String) } });
  });
});
