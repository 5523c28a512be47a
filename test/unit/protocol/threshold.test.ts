import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { meetsThreshold, requiredWeight, sumWeights, votingWeight } from '../../../src/protocol/threshold.js';

const weight = fc.bigInt({ min: 0n, max: 2n ** 96n });
const bips = fc.integer({ min: 0, max: 10_000 });

describe('requiredWeight', () => {
  test.each([
    [600n, 6_700, 402n],
    [100n, 10_000, 100n],
    [3n, 5_000, 1n],
    [1n, 9_999, 0n],
    [100n, 0, 0n],
  ])('behavior: of %d at %d bips is %d, rounded down', (total, share, required) => {
    expect(requiredWeight(total, share)).toBe(required);
  });

  test('behavior: never above the total, and less than one unit below the exact share', () => {
    fc.assert(
      fc.property(weight, bips, (total, share) => {
        const required = requiredWeight(total, share);
        const exact = total * BigInt(share);
        expect(required <= total).toBe(true);
        expect(required * 10_000n <= exact && exact < (required + 1n) * 10_000n).toBe(true);
      }),
    );
  });
});

describe('meetsThreshold', () => {
  test('behavior: exactly the required weight meets it, one unit less does not', () => {
    fc.assert(
      fc.property(weight, bips, (total, share) => {
        fc.pre(total > 0n);
        const required = requiredWeight(total, share);
        expect(meetsThreshold(required, total, share)).toBe(true);
        expect(meetsThreshold(required - 1n, total, share)).toBe(false);
      }),
    );
  });

  test('behavior: a table without weight never meets a threshold, not even zero bips', () => {
    expect(meetsThreshold(0n, 0n, 0)).toBe(false);
    expect(meetsThreshold(0n, 0n, 10_000)).toBe(false);
  });
});

describe('sumWeights', () => {
  test('behavior: totals per stake type, short rows counting as zero', () => {
    expect(sumWeights([[1n, 10n], [2n], [3n, 30n]])).toEqual([6n, 40n]);
    expect(sumWeights([])).toEqual([]);
  });
});

describe('votingWeight', () => {
  test('behavior: the first stake type counts', () => {
    expect(votingWeight([5n, 99n])).toBe(5n);
    expect(votingWeight([])).toBe(0n);
  });
});
