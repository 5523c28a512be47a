import { describe, expect, test } from '@jest/globals';
import { blockNumber, parseAddress } from '../../../src/base/brands.js';
import { type KeyHolder, SteadyKeys } from '../../../src/executor/steady-keys.js';

const address = (digit: string) => parseAddress(`0x${digit.repeat(40)}`);
const HOLDER: KeyHolder = {
  operatorSet: { avs: address('a'), id: 0 },
  aggregator: address('b'),
  key: { curve: 'ecdsa', address: address('1') },
};

describe('SteadyKeys', () => {
  const covered = (keys: SteadyKeys, holder: KeyHolder) =>
    [99, 100, 200, 201].filter((block) => keys.covers(holder, blockNumber(block)));

  test('default: since the first block at which the key of now was seen', () => {
    const keys = new SteadyKeys();
    expect(covered(keys, HOLDER)).toEqual([]);
    keys.note(HOLDER, blockNumber(200));
    expect(covered(keys, HOLDER)).toEqual([200, 201]);
    keys.note(HOLDER, blockNumber(100));
    keys.note(HOLDER, blockNumber(201));
    expect(covered(keys, HOLDER)).toEqual([100, 200, 201]);
  });

  test('behavior: with another key it begins anew', () => {
    const keys = new SteadyKeys();
    keys.note(HOLDER, blockNumber(100));
    const renewed: KeyHolder = { ...HOLDER, key: { curve: 'ecdsa', address: address('2') } };
    expect(covered(keys, renewed)).toEqual([]);
    keys.note(renewed, blockNumber(200));
    expect(covered(keys, renewed)).toEqual([200, 201]);
  });

  test('behavior: another operator set, another aggregator, is another matter', () => {
    const keys = new SteadyKeys();
    keys.note(HOLDER, blockNumber(100));
    expect(covered(keys, { ...HOLDER, aggregator: address('c') })).toEqual([]);
    expect(covered(keys, { ...HOLDER, operatorSet: { avs: address('a'), id: 1 } })).toEqual([]);
  });
});
