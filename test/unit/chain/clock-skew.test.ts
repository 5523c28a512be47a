import { describe, expect, test } from '@jest/globals';
import { parseHash32 } from '../../../src/base/brands.js';
import { silentLogger } from '../../../src/base/logger.js';
import { classifySkew, reportSkew, type SkewClass } from '../../../src/chain/clock-skew.js';

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
  function world() {
    const told: string[] = [];
    const log = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) =>
      void told.push(`${level}: ${message.split(';')[0]} (${fields?.skewSeconds})`);
    const logger = { ...silentLogger, info: log('info'), warn: log('warn') };
    let nowSeconds = 0;
    const see = reportSkew({ nowMs: () => nowSeconds * 1_000 }, logger);
    /** A head, seen when this machine's date is so far from its time. */
    const head = (number: number, skewSeconds: number) => {
      const timestampSeconds = 1_000_000 + number;
      nowSeconds = timestampSeconds + skewSeconds;
      see({ hash: parseHash32(`0x${number.toString(16).padStart(64, '0')}`), timestampSeconds });
    };
    return { told, head };
  }

  test('default: a clock that agrees is not told of', () => {
    const { told, head } = world();
    for (const [number, skew] of [3, 15, -1, 40].entries()) head(number, skew);
    expect(told).toEqual([]);
  });

  test('behavior: a skew is told when it begins and when it is over, not at every block', () => {
    const { told, head } = world();
    const skews = [-3_600, -3_600, -3_601, -50, -3_600, 2, 1, 61, 59, 100, 12];
    for (const [number, skew] of skews.entries()) head(number, skew);
    expect(told).toEqual([
      "warn: this machine's clock is behind the chain's time (-3600)",
      "info: this machine's clock and the chain's time agree again (2)",
      "warn: this machine's clock is ahead of the chain's time, or the chain makes no new blocks (61)",
      "info: this machine's clock and the chain's time agree again (12)",
    ]);
  });

  test('behavior: a head that is read again later says nothing of the clock', () => {
    const { told, head } = world();
    head(1, 5);
    head(1, 500);
    expect(told).toEqual([]);
    head(2, 500);
    expect(told).toHaveLength(1);
  });
});
