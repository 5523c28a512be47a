import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { loadConfig } from '../../../src/config/load.js';
import type { PerformerConfig } from '../../../src/config/types.js';
import { changedSpec, keptSpec, performerSpec } from '../../../src/performer/spec-from-config.js';
import { EXECUTOR_YAML } from '../../support/config-text.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

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

describe('in Kubernetes', () => {
  const secretKeyRef = { name: 'my-avs', key: 'api-key' };
  const inCluster: PerformerConfig = {
    ...config,
    deploymentMode: 'kubernetes',
    envs: [{ name: 'API_KEY', kubernetesEnv: { valueFrom: { secretKeyRef } } }],
    kubernetes: { serviceAccountName: 'configured', endpointOverride: 'performer.example:50051' },
  };
  const envFrom = [{ name: 'API_KEY', source: 'secret', object: 'my-avs', key: 'api-key' }];

  test('default: references, service account and endpoint as configured', () => {
    const { env, cluster } = performerSpec(inCluster, {});
    expect(env.size).toBe(0);
    expect(cluster).toEqual({ envFrom, ...inCluster.kubernetes });
  });

  test('behavior: the service account of a call holds over the configured one, also in another run', () => {
    const changes = { avs: config.avsAddress, envs: [], serviceAccountName: 'asked' };
    for (const specOf of [changedSpec, keptSpec]) {
      expect(specOf(inCluster, 'kubernetes', changes, {}).cluster).toEqual({
        envFrom,
        serviceAccountName: 'asked',
        endpointOverride: 'performer.example:50051',
      });
    }
  });

  test('behavior: what a call has named in the cluster is known in another run', () => {
    const envs = [{ name: 'KEY', kubernetesEnv: { valueFrom: { secretKeyRef } } }, { name: 'GIVEN' }];
    const spec = keptSpec(undefined, 'kubernetes', { avs: config.avsAddress, envs }, {});
    expect(spec).toMatchObject({ lostEnv: [{ name: 'GIVEN' }], cluster: { envFrom: [{ name: 'KEY' }] } });
  });
});

describe('keptSpec', () => {
  const avs = config.avsAddress;

  test('default: without an entry the limits are those of an entry that names none', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder.path, 'executor.yaml');
    const entry = `avsPerformers: [{avsAddress: "${avs}", image: {repository: my-avs, tag: v1}}]\n`;
    await writeFile(file, EXECUTOR_YAML + entry, { mode: 0o600 });
    const { config: loaded } = await loadConfig('executor', { file, env: {} });
    await folder.remove();
    const [written] = loaded.avsPerformers.map((each) => performerSpec(each, {}));
    const unwritten = keptSpec(
      undefined,
      'docker',
      { avs, image: { repository: 'my-avs', tag: 'v1' }, envs: [] },
      {},
    );
    expect(unwritten).toEqual(written);
  });

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
    expect(spec.lostEnv).toEqual(envs);
    expect([...spec.env.keys()]).toEqual([]);
  });
});
