import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { keysBelow, storeKey } from '../../../src/store/store-key.js';

const isBelow = (key: string, ...prefix: [string, ...(string | number)[]]) => {
  const { gte, lt } = keysBelow(...prefix);
  return key >= gte && key < lt;
};

describe('storeKey', () => {
  test('default: parts are ended, numbers have a fixed width', () => {
    expect(storeKey('task', 17_000, '0xab')).toBe('task/0000000000004268/0xab/');
  });

  test('behavior: keys sort as their numbers do', () => {
    const number = fc.nat(Number.MAX_SAFE_INTEGER);
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(storeKey('n', a) < storeKey('n', b)).toBe(a < b);
      }),
    );
  });

  test.each([['a/b'], [''], ['ä'], ['a b'], [-1], [0.5], [2 ** 60]])('error: %p cannot be a part', (part) => {
    expect(() => storeKey('x', part)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});

describe('keysBelow', () => {
  test('behavior: a part that only begins alike is not below', () => {
    expect(isBelow(storeKey('task', 1, 'x'), 'task', 1)).toBe(true);
    expect(isBelow(storeKey('task', 17_000, 'x'), 'task', 1)).toBe(false);
    expect(isBelow(storeKey('t', '17000'), 't', '1')).toBe(false);
    expect(isBelow(storeKey('tasks', 1), 'task')).toBe(false);
  });

  test('behavior: a key is below exactly the parts it begins with', () => {
    const parts = fc.array(fc.constantFrom('a', 'aa', 'b', 1, 17), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(parts, parts, (own, prefix) => {
        const begins = prefix.every((part, index) => own[index] === part);
        expect(isBelow(storeKey('n', ...own), 'n', ...prefix)).toBe(begins);
      }),
    );
  });
});
