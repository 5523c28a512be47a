import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { Secret } from '../../../src/base/secret.js';
import { checkDeployable, hasLostEnv, recoverLostEnv } from '../../../src/performer/lost-env.js';
import type { PerformerSpec } from '../../../src/performer/runtime.js';

const kept: PerformerSpec = {
  avs: parseAddress(`0x${'a5'.repeat(20)}`),
  image: { repository: 'app', tag: '1' },
  command: [],
  env: new Map([['COLOUR', new Secret('blue')]]),
  resources: { memoryBytes: 1, cpus: 1, pids: 1, readOnlyRootfs: false },
};
const lost: PerformerSpec = { ...kept, lostEnv: [{ name: 'API_KEY' }] };

describe('variables that only the running instance knows', () => {
  test('default: nothing is lost', () => {
    expect(hasLostEnv(kept)).toBe(false);
    expect(recoverLostEnv(kept, new Map([['API_KEY', 'sesame']]))?.env).toEqual(kept.env);
    expect(() => checkDeployable(kept)).not.toThrow();
  });

  test('behavior: what is lost is taken from the instance, and nothing else', () => {
    const recovered = recoverLostEnv(
      lost,
      new Map([
        ['API_KEY', 'sesame'],
        ['OTHER', '1'],
      ]),
    );
    expect([...(recovered?.env ?? [])].map(([name, value]) => [name, value.reveal()])).toEqual([
      ['COLOUR', 'blue'],
      ['API_KEY', 'sesame'],
    ]);
    expect(recovered?.lostEnv).toBeUndefined();
  });

  test('error: an instance that does not have it, or none at all', () => {
    expect(recoverLostEnv(lost, new Map([['API_KEYS', '1']]))).toBeUndefined();
    expect(() => checkDeployable(lost)).toThrow('the values of API_KEY came with a call and are not kept');
  });

  test('error: a variable of ours that is not set any more is told as that', () => {
    const unset = { ...kept, lostEnv: [{ name: 'LICENCE', valueFromEnv: 'OUR_LICENCE' }] };
    expect(() => checkDeployable(unset)).toThrow(
      "the performer's variable LICENCE comes from OUR_LICENCE, which is not set",
    );
    const both = { ...kept, lostEnv: [...unset.lostEnv, { name: 'API_KEY' }] };
    expect(() => checkDeployable(both)).toThrow('the values of API_KEY came with a call and are not kept');
  });
});
