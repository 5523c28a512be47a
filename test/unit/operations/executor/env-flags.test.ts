import { describe, expect, test } from '@jest/globals';
import { performerEnvOf } from '../../../../src/operations/executor/env-flags.js';

const own = { LICENCE: 'sesame', EMPTY: '' };

describe('performerEnvOf', () => {
  test('default: every source', () => {
    const flags = {
      env: ['A=b=c', 'B=', 'LICENCE', 'EMPTY'],
      envFrom: ['C=D'],
      envSecret: ['E=object/key'],
      envConfigMap: ['F=object/key'],
    };
    const reference = { name: 'object', key: 'key' };
    expect(performerEnvOf(flags, own)).toEqual([
      { name: 'A', value: 'b=c', valueFromEnv: '', kubernetesEnv: undefined },
      { name: 'B', value: '', valueFromEnv: '', kubernetesEnv: undefined },
      { name: 'LICENCE', value: 'sesame', valueFromEnv: '', kubernetesEnv: undefined },
      { name: 'EMPTY', value: '', valueFromEnv: '', kubernetesEnv: undefined },
      { name: 'C', value: '', valueFromEnv: 'D', kubernetesEnv: undefined },
      {
        name: 'E',
        value: '',
        valueFromEnv: '',
        kubernetesEnv: { valueFrom: { secretKeyRef: reference, configMapKeyRef: undefined } },
      },
      {
        name: 'F',
        value: '',
        valueFromEnv: '',
        kubernetesEnv: { valueFrom: { secretKeyRef: undefined, configMapKeyRef: reference } },
      },
    ]);
    expect(performerEnvOf({}, own)).toEqual([]);
  });

  test.each([
    [{ env: ['NOT_SET'] }, '--env NOT_SET has no value'],
    [{ env: ['=x'] }, '--env has no name'],
    [{ envFrom: ['C'] }, '--env-from must be NAME=SOURCE'],
    [{ envFrom: ['C='] }, '--env-from must be NAME=SOURCE'],
    [{ envSecret: ['E=object'] }, '--env-secret must be NAME=OBJECT/KEY'],
    [{ envConfigMap: ['F=a/b/c'] }, '--env-config-map must be NAME=OBJECT/KEY'],
  ])('error: %o', (flags, message) => {
    expect(() => performerEnvOf(flags, own)).toThrow(message);
  });
});
