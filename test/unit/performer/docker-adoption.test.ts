import { describe, expect, test } from '@jest/globals';
import type Docker from 'dockerode';
import { parseAddress } from '../../../src/base/brands.js';
import { Secret } from '../../../src/base/secret.js';
import { differenceTo, variables } from '../../../src/performer/docker-adoption.js';
import { containerOptions } from '../../../src/performer/docker-container.js';
import type { PerformerSpec } from '../../../src/performer/runtime.js';

const OWNER = { operator: parseAddress(`0x${'0b'.repeat(20)}`), l1ChainId: 1 };
const spec: PerformerSpec = {
  avs: parseAddress(`0x${'a5'.repeat(20)}`),
  image: { repository: 'avs' },
  command: ['--fast'],
  env: new Map([['COLOUR', new Secret('blue=green')]]),
  resources: { memoryBytes: 1e9, cpus: 1, pids: 64, readOnlyRootfs: true },
};
const IMAGE = { Cmd: ['serve'], Env: ['PATH=/bin', 'COLOUR=red'], User: 'nobody' };

const wanted = (changes: Partial<PerformerSpec> = {}, network?: string, owner = OWNER) =>
  containerOptions({ ...spec, ...changes }, 'avs:latest', 'name', owner, network);

/** What an engine would say of the container that these options make. */
function made({ HostConfig, ...options }: Docker.ContainerCreateOptions) {
  const Env = ['PATH=/bin', ...(options.Env ?? [])];
  const Config = { ...options, Env, Cmd: options.Cmd ?? IMAGE.Cmd, User: options.User ?? IMAGE.User };
  return { Config, HostConfig: { ...HostConfig, Runtime: 'runc' } } as unknown as Docker.ContainerInspectInfo;
}

describe('differenceTo', () => {
  test('default: what it would make is the same, whatever the engine adds', () => {
    expect(differenceTo(wanted(), made(wanted()), IMAGE)).toBeUndefined();
    expect(differenceTo(wanted({ command: [] }), made(wanted({ command: [] })), IMAGE)).toBeUndefined();
  });

  const resources = (changes: Partial<PerformerSpec['resources']>) => ({
    resources: { ...spec.resources, ...changes },
  });
  test.each<[string, Docker.ContainerCreateOptions, string]>([
    ['other arguments', wanted({ command: [] }), 'its arguments'],
    ['another user', wanted(resources({ user: '1' })), 'its user'],
    ['another value', wanted({ env: new Map([['COLOUR', new Secret('x')]]) }), 'its variables'],
    ['a variable less', wanted({ env: new Map() }), 'its variables'],
    ['a variable more', wanted({ env: new Map([...spec.env, ['X', new Secret('')]]) }), 'its variables'],
    ['more memory', wanted(resources({ memoryBytes: 2e9 })), 'its limits or its network'],
    ['a root to write to', wanted(resources({ readOnlyRootfs: false })), 'its limits or its network'],
    ['another network', wanted({}, 'hourglass'), 'its limits or its network'],
    ['another chain', wanted({}, undefined, { ...OWNER, l1ChainId: 2 }), 'its labels'],
    ['another AVS', wanted({ avs: parseAddress(`0x${'a6'.repeat(20)}`) }), 'its variables'],
    ['another image', { ...wanted(), Image: 'avs:v2' }, 'its image'],
  ])('behavior: a container with %s', (_name, options, difference) => {
    expect(differenceTo(wanted(), made(options), IMAGE)).toBe(difference);
  });

  test('behavior: one that is less locked down than it would be made now', () => {
    const loose = made(wanted());
    loose.HostConfig.CapDrop = [];
    expect(differenceTo(wanted(), loose, IMAGE)).toBe('its limits or its network');
  });
});

describe('variables', () => {
  test('default: by name, the last of a name; a value may have the sign', () => {
    expect(variables(['A=1', 'API_KEY=a=b', 'A=2', 'EMPTY='])).toEqual(
      new Map([
        ['A', '2'],
        ['API_KEY', 'a=b'],
        ['EMPTY', ''],
      ]),
    );
  });
});
