import { describe, expect, test } from '@jest/globals';
import { type BlockNumber, blockNumber } from '../../../src/base/brands.js';
import { findStartBlock } from '../../../src/chain/start-block.js';

const DAY = 86_400;

/** A chain whose block n has the time `timeOf(n)`. */
async function start(head: number, timeOf: (number: number) => number, maxTaskSlaSeconds: number) {
  const at = (number: BlockNumber) => ({ number, timestampSeconds: timeOf(number) });
  let reads = 0;
  const found = await findStartBlock(at(blockNumber(head)), maxTaskSlaSeconds, async (number) => {
    reads++;
    return at(number);
  });
  return { found, reads };
}

describe('findStartBlock', () => {
  test('default: the first block younger than the longest SLA', async () => {
    const { found } = await start(1000, (number) => 1_000_000 + 12 * number, 120);
    expect(found).toBe(991);
  });

  test('behavior: looks back one day at most', async () => {
    const { found } = await start(20_000, (number) => 1_000_000 + 12 * number, 7 * DAY);
    expect(found).toBe(20_000 - DAY / 12 + 1);
  });

  test('behavior: a young chain is read from its first block', async () => {
    expect((await start(5, (number) => 1_000_000 + number, DAY)).found).toBe(0);
  });

  test('behavior: a chain that stood still begins after the pause', async () => {
    const { found } = await start(100, (number) => (number < 60 ? number : 10 * DAY + number), DAY);
    expect(found).toBe(60);
  });

  test('behavior: reads few blocks of a long chain', async () => {
    const { reads } = await start(2 ** 24, (number) => 12 * number, 3600);
    expect(reads).toBeLessThanOrEqual(25);
  });
});
