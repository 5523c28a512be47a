import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import type { PerformerConfig } from '../../../src/config/types.js';
import { keptSpec, performerSpec } from '../../../src/performer/spec-from-config.js';

const config: PerformerConfig = {
  avsAddress: parseAddress(`0x${'a5'.repeat(20)}`),
  processType: 'server',
  deploymentMode: 'docker',
  image: { repository: 'my-avs', tag: 'v1' },
  command: [],
  envs: [{ name: 'LOG_LEVEL', valueFromEnv: 'EXECUTOR_LOG_LEVEL' }],
  resources: { memory: 512 * 1024 * 1024, cpus: 1, pids: 64, readOnlyRootfs: true },
};

describe('performerSpec', () => {
  test('default: what is configured, with the values of variables', () => {
    const spec = performerSpec(config, { EXECUTOR_LOG_LEVEL: 'info' });
    expect(spec).toMatchObject({
      avs: config.avsAddress,
      image: { repository: 'my-avs', tag: 'v1' },
      resources: { memoryBytes: 512 * 1024 * 1024, cpus: 1, pids: 64, readOnlyRootfs: true },
    });
    expect(spec.env.get('LOG_LEVEL')?.reveal()).toBe('info');
  });

  test('error: a variable that is not set', () => {
    expect(() => performerSpec(config, {})).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});

describe('keptSpec', () => {
  const avs = config.avsAddress;

  test('default: variables of ours have their values of today, over those of the configuration', () => {
    const envs = [{ name: 'LOG_LEVEL', valueFromEnv: 'THE_LEVEL' }];
    const spec = keptSpec(
      config,
      'docker',
      { avs, envs },
      { EXECUTOR_LOG_LEVEL: 'info', THE_LEVEL: 'debug' },
    );
    expect(spec.env.get('LOG_LEVEL')?.reveal()).toBe('debug');
    expect(spec.image).toEqual(config.image);
    expect(spec.lostEnv).toBeUndefined();
  });

  test('behavior: what came with the call, or is not set any more, is lost, whatever is configured', () => {
    const envs = [{ name: 'LOG_LEVEL' }, { name: 'KEY', valueFromEnv: 'NOT_SET' }];
    const spec = keptSpec(config, 'docker', { avs, envs }, { EXECUTOR_LOG_LEVEL: 'info' });
    expect(spec.lostEnv).toEqual(['LOG_LEVEL', 'KEY']);
    expect([...spec.env.keys()]).toEqual([]);
  });
});
