import { describe, expect, test } from '@jest/globals';
import { classifySkew, reportSkew, type SkewClass } from '../../../src/aggregator/clock-skew.js';
import { blockNumber, parseHash32 } from '../../../src/base/brands.js';
import { silentLogger } from '../../../src/base/logger.js';
import { HeadTracker } from '../../../src/chain/head-tracker.js';

describe('classifySkew', () => {
  test.each<[SkewClass, number, SkewClass]>([
    ['in step', 0, 'in step'],
    ['in step', 60, 'in step'],
    ['in step', 61, 'ahead'],
    ['in step', -60, 'in step'],
    ['in step', -61, 'behind'],
    ['ahead', 31, 'ahead'],
    ['ahead', 30, 'in step'],
    ['behind', -31, 'behind'],
    ['behind', -30, 'in step'],
    // From one side to the other.
    ['ahead', -31, 'in step'],
    ['ahead', -61, 'behind'],
    ['behind', 3_600, 'ahead'],
  ])('default: %s, then by %i seconds: %s', (before, skewSeconds, expected) => {
    expect(classifySkew(before, skewSeconds)).toBe(expected);
  });
});

describe('reportSkew', () => {
  function world(skewSeconds: number) {
    const heads = new HeadTracker();
    const state = { skewSeconds };
    const told: string[] = [];
    const log = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) =>
      void told.push(`${level}: ${message.split(';')[0]} (${fields?.skewSeconds})`);
    const logger = { ...silentLogger, info: log('info'), warn: log('warn') };
    const end = reportSkew({ skewSeconds: () => state.skewSeconds }, heads, logger);
    let number = 0;
    const head = (next: number) => {
      state.skewSeconds = next;
      number += 1;
      const hash = parseHash32(`0x${number.toString(16).padStart(64, '0')}`);
      const fields = { timestampSeconds: number, baseFeePerGas: undefined };
      heads.update({ number: blockNumber(number), hash, parentHash: hash, ...fields });
    };
    return { told, head, end };
  }

  test('default: a clock that agrees is not told of', () => {
    const { told, head } = world(3);
    for (const skew of [3, 15, -1, 40]) head(skew);
    expect(told).toEqual([]);
  });

  test('behavior: a skew is told when it begins, at the start too, and when it is over, not at every block', () => {
    const { told, head, end } = world(-3_600);
    for (const skew of [-3_600, -3_601, -50, -3_600, 2, 1, 61, 59, 100, 12]) head(skew);
    expect(told).toEqual([
      "warn: this machine's clock is behind the chain's time (-3600)",
      "info: this machine's clock and the chain's time agree again (2)",
      "warn: this machine's clock is ahead of the chain's time, or the chain makes no new blocks (61)",
      "info: this machine's clock and the chain's time agree again (12)",
    ]);
    end();
    head(9_999);
    expect(told).toHaveLength(4);
  });
});
