import { describe, expect, test } from '@jest/globals';
import { Secret } from '../../../src/base/secret.js';
import {
  type PerformerEnvEntry,
  resolveClusterEnv,
  resolvePerformerEnv,
} from '../../../src/performer/env.js';

const resolve = (entries: readonly PerformerEnvEntry[], processEnv: Record<string, string> = {}) =>
  [...resolvePerformerEnv(entries, processEnv)].map(([name, value]) => [name, value.reveal()]);

describe('resolvePerformerEnv', () => {
  test('default: values, and values of our own variables', () => {
    const entries = [
      { name: 'MODE', value: new Secret('fast') },
      { name: 'API_KEY', valueFromEnv: 'EXECUTOR_API_KEY' },
    ];
    expect(resolve(entries, { EXECUTOR_API_KEY: 'k', OTHER: 'x' })).toEqual([
      ['MODE', 'fast'],
      ['API_KEY', 'k'],
    ]);
  });

  test('behavior: empty is a value, set or written', () => {
    const entries = [
      { name: 'A', value: new Secret('') },
      { name: 'B', valueFromEnv: 'EMPTY' },
    ];
    expect(resolve(entries, { EMPTY: '' })).toEqual([
      ['A', ''],
      ['B', ''],
    ]);
  });

  test('behavior: the last of two with one name counts', () => {
    const entries = [
      { name: 'A', value: new Secret('1') },
      { name: 'A', value: new Secret('2') },
    ];
    expect(resolve(entries)).toEqual([['A', '2']]);
  });

  test.each([
    [{ name: 'A', valueFromEnv: 'NOT_SET' }, /A comes from NOT_SET, which is not set/],
    [{ name: 'A' }, /A has no value/],
    [{ name: 'A', kubernetesEnv: { valueFrom: {} } }, /A comes from Kubernetes/],
  ])('error: %j', (entry, message) => {
    expect(() => resolve([entry])).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });
});

describe('resolveClusterEnv', () => {
  const reference = { name: 'my-avs', key: 'api-key' };

  test('default: values are values, and references stay references', () => {
    const entries: PerformerEnvEntry[] = [
      { name: 'MODE', value: new Secret('fast') },
      // As the Go node writes it.
      { name: 'API_KEY', value: new Secret(''), kubernetesEnv: { valueFrom: { secretKeyRef: reference } } },
      { name: 'COLOUR', kubernetesEnv: { valueFrom: { configMapKeyRef: reference } } },
    ];
    const { env, envFrom } = resolveClusterEnv(entries, {});
    expect([...env].map(([name, value]) => [name, value.reveal()])).toEqual([['MODE', 'fast']]);
    expect(envFrom).toEqual([
      { name: 'API_KEY', source: 'secret', object: 'my-avs', key: 'api-key' },
      { name: 'COLOUR', source: 'configMap', object: 'my-avs', key: 'api-key' },
    ]);
  });

  test.each([[{}], [{ secretKeyRef: reference, configMapKeyRef: reference }]])(
    'error: %j, which is not one of the two',
    (valueFrom) => {
      expect(() => resolveClusterEnv([{ name: 'A', kubernetesEnv: { valueFrom } }], {})).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
    },
  );
});
