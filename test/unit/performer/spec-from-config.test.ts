import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import type { PerformerConfig } from '../../../src/config/types.js';
import { performerSpec } from '../../../src/performer/spec-from-config.js';

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
