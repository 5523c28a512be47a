import { describe, expect, test } from '@jest/globals';
import { blockNumber } from '../../../src/base/brands.js';
import { firstBlockSince, firstKnownBlock, type TimedBlock } from '../../../src/chain/find-block.js';

const at = (number: number): TimedBlock => ({
  number: blockNumber(number),
  timestampSeconds: 1_600_000_000 + number * 12,
});

/** An endpoint that knows nothing below `first`. */
const from = (first: number) => async (number: number) => (number < first ? undefined : at(number));

describe('firstBlockSince', () => {
  test.each([
    ['before the first block', at(0).timestampSeconds - 1, 0],
    ['exactly a block', at(77).timestampSeconds, 77],
    ['between two blocks', at(77).timestampSeconds + 1, 78],
    ['after the head', at(1_000).timestampSeconds + 1, 1_000],
  ])('behavior: %s', async (_name, seconds, expected) => {
    expect(await firstBlockSince(seconds, at(1_000), from(0))).toBe(expected);
  });

  test('behavior: a chain started from a snapshot is searched from there on', async () => {
    expect(await firstBlockSince(at(5).timestampSeconds, at(1_000), from(700))).toBe(700);
    expect(await firstBlockSince(at(900).timestampSeconds, at(1_000), from(700))).toBe(900);
  });

  test('error: a missing block on a chain with its first one is the endpoint lagging behind', async () => {
    const lagging = async (number: number) => (number > 400 ? undefined : at(number));
    await expect(firstBlockSince(at(900).timestampSeconds, at(1_000), lagging)).rejects.toMatchObject({
      code: 'CHAIN_RPC',
    });
  });
});

describe('firstKnownBlock', () => {
  test.each([0, 1, 699, 1_000])('behavior: the first one is %d', async (first) => {
    expect(await firstKnownBlock(blockNumber(1_000), from(first))).toBe(first);
  });
});
