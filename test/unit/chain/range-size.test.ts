import { describe, expect, test } from '@jest/globals';
import { firstRange, nextRange } from '../../../src/chain/range-size.js';

/** Sizes that are asked of an endpoint which answers up to `limit` blocks. */
function asked(limit: (request: number) => number, requests: number, max = 1_000): number[] {
  const sizes: number[] = [];
  let range = firstRange(max);
  for (let request = 0; request < requests; request++) {
    sizes.push(range.blocks);
    const outcome = range.blocks <= limit(request) ? 'answered' : 'refused';
    range = nextRange(range, range.blocks, outcome, max);
  }
  return sizes;
}

describe('nextRange', () => {
  test('default: an endpoint without a limit is asked for the most at once', () => {
    expect(asked(() => Number.POSITIVE_INFINITY, 3)).toEqual([1_000, 1_000, 1_000]);
  });

  test('behavior: halves until it is answered, then closes in on the limit', () => {
    expect(asked(() => 300, 8)).toEqual([1_000, 500, 250, 375, 250, 312, 250, 281]);
  });

  test.each([1, 7, 10, 300, 999])(
    'behavior: a limit of %i blocks is found, and few requests are refused',
    (limit) => {
      const sizes = asked(() => limit, 200);
      const refused = sizes.filter((size) => size > limit);
      expect(refused.length).toBeLessThan(60);
      const read = sizes.filter((size) => size <= limit).reduce((sum, size) => sum + size, 0);
      expect(read / (200 * limit)).toBeGreaterThan(0.6);
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1);
    },
  );

  test('behavior: a limit that was lifted is noticed', () => {
    const sizes = asked((request) => (request < 20 ? 10 : 5_000), 100);
    expect(sizes.at(-1)).toBe(1_000);
  });

  test('behavior: a limit that tightens below what was answered before is halved again', () => {
    expect(asked((request) => (request < 3 ? 1_000 : 100), 8).slice(3)).toEqual([1_000, 500, 250, 125, 62]);
  });

  test('behavior: the short last part of a stretch does not make the next one small', () => {
    const range = nextRange(firstRange(1_000), 1_000, 'answered', 1_000);
    expect(nextRange(range, 3, 'answered', 1_000).blocks).toBe(1_000);
  });
});
