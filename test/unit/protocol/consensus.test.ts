import { describe, expect, test } from '@jest/globals';
import { word } from '../../../src/base/bytes.js';
import { consensusRefusal, decodeConsensus } from '../../../src/protocol/consensus.js';

describe('decodeConsensus', () => {
  test('default: type 0 is none', () => {
    expect(decodeConsensus(0, new Uint8Array())).toEqual({ kind: 'none' });
  });

  test.each([0, 6_700, 10_000])('behavior: type 1 is a threshold of %d bips', (bips) => {
    expect(decodeConsensus(1, word(bips))).toEqual({ kind: 'threshold', bips });
  });

  test.each([
    ['an empty value', 1, new Uint8Array()],
    ['a value of two words', 1, new Uint8Array(64)],
    ['more than 10000 bips', 1, word(10_001)],
    ['an unknown type', 2, word(5_000)],
  ])('error: %s', (_name, type, value) => {
    expect(() => decodeConsensus(type, value)).toThrow(expect.objectContaining({ code: 'TASK_REFUSED' }));
  });
});

describe('consensusRefusal', () => {
  const threshold = { kind: 'threshold', bips: 5_000 } as const;
  const none = { kind: 'none' } as const;

  test('default: one stake type with weight can pass', () => {
    expect(consensusRefusal(threshold, [1n])).toBeUndefined();
    expect(consensusRefusal(none, [1n])).toBeUndefined();
  });

  test('behavior: several stake types never pass the mailbox under a threshold, but may without one', () => {
    expect(consensusRefusal(threshold, [1n, 2n])).toContain('2 stake types');
    expect(consensusRefusal(none, [1n, 2n])).toBeUndefined();
  });

  test.each([[[]], [[0n]], [[0n, 0n]]])('behavior: totals %p are refused', (totals) => {
    expect(consensusRefusal(threshold, totals)).toContain('no stake weight');
    expect(consensusRefusal(none, totals)).toContain('no stake weight');
  });
});
