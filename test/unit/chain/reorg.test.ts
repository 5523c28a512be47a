import { describe, expect, test } from '@jest/globals';
import { blockNumber, type Hash32 } from '../../../src/base/brands.js';
import { judgeReorg, remember } from '../../../src/chain/reorg.js';

const ref = (number: number, branch = 'a') => ({
  number: blockNumber(number),
  hash: `0x${branch}${number}` as Hash32,
});
const chain = (...blocks: { number: number; hash: Hash32 }[]) => {
  const hashes = new Map(blocks.map(({ number, hash }) => [number, hash]));
  return (number: number) => hashes.get(number);
};
const MAX_DEPTH = 3;

describe('judgeReorg', () => {
  test('default: the chain that is remembered is no reorg', () => {
    expect(judgeReorg([ref(1), ref(2)], chain(ref(1), ref(2)), MAX_DEPTH)).toEqual({ kind: 'none' });
  });

  test('behavior: an endpoint that lags contradicts nothing', () => {
    expect(judgeReorg([ref(1), ref(2), ref(3)], chain(ref(1), ref(2)), MAX_DEPTH)).toEqual({ kind: 'none' });
  });

  test.each([1, 2, 3])('behavior: a reorg of depth %i is undone down to its ancestor', (depth) => {
    const recent = [1, 2, 3, 4, 5].map((number) => ref(number));
    const canonical = chain(
      ...recent.map((block) => (block.number > 5 - depth ? ref(block.number, 'b') : block)),
    );
    expect(judgeReorg(recent, canonical, MAX_DEPTH)).toEqual({
      kind: 'reorg',
      ancestor: ref(5 - depth),
      orphaned: recent.slice(5 - depth),
    });
  });

  test('behavior: what lies above a shorter new branch is orphaned with it', () => {
    const verdict = judgeReorg(
      [ref(1), ref(2), ref(3), ref(4)],
      chain(ref(1), ref(2), ref(3, 'b')),
      MAX_DEPTH,
    );
    expect(verdict).toEqual({ kind: 'reorg', ancestor: ref(2), orphaned: [ref(3), ref(4)] });
  });

  test('behavior: gaps between remembered blocks make the ancestor older, never younger', () => {
    const canonical = chain(ref(10), ref(11), ref(12, 'b'), ref(13, 'b'));
    expect(judgeReorg([ref(5), ref(10), ref(13)], canonical, MAX_DEPTH)).toMatchObject({ ancestor: ref(10) });
  });

  test('error: deeper than allowed, and where the branches part', () => {
    const recent = [1, 2, 3, 4, 5].map((number) => ref(number));
    const canonical = chain(ref(1), ...[2, 3, 4, 5].map((number) => ref(number, 'b')));
    expect(judgeReorg(recent, canonical, MAX_DEPTH)).toEqual({
      kind: 'too-deep',
      depth: 4,
      ancestor: ref(1),
    });
  });

  test('error: no remembered block is left', () => {
    const canonical = chain(ref(4), ref(5, 'b'), ref(6, 'b'));
    expect(judgeReorg([ref(5), ref(6)], canonical, MAX_DEPTH)).toEqual({
      kind: 'too-deep',
      depth: 2,
      ancestor: undefined,
    });
  });
});

describe('remember', () => {
  test('default: keeps the newest, as bare references', () => {
    const block = { ...ref(3), parentHash: ref(2).hash, timestampSeconds: 1, baseFeePerGas: undefined };
    expect(remember([ref(1), ref(2)], [block], 2)).toEqual([ref(2), ref(3)]);
  });
});
