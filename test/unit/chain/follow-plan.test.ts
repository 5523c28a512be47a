import { describe, expect, test } from '@jest/globals';
import { planNext } from '../../../src/chain/follow-plan.js';

const position = { next: 101, head: 100, blockConfirmations: 0, maxReorgDepth: 10, rangeSize: 50 };

describe('planNext', () => {
  test.each([
    ['nothing new', {}, { kind: 'wait' }],
    ['one new block', { head: 101 }, { kind: 'blocks', from: 101, to: 101 }],
    ['a new block that is not confirmed', { head: 101, blockConfirmations: 1 }, { kind: 'wait' }],
    ['a confirmed block', { head: 103, blockConfirmations: 2 }, { kind: 'blocks', from: 101, to: 101 }],
    ['within reorg depth', { head: 111 }, { kind: 'blocks', from: 101, to: 111 }],
    ['many blocks near the head', { head: 130, maxReorgDepth: 64 }, { kind: 'blocks', from: 101, to: 116 }],
    ['far behind', { head: 1000 }, { kind: 'range', from: 101, to: 150 }],
    ['a range ends before what is remembered', { head: 250 }, { kind: 'range', from: 101, to: 121 }],
    [
      'a range ends before what a reorg can reach',
      { head: 350, maxReorgDepth: 228 },
      { kind: 'range', from: 101, to: 121 },
    ],
    [
      'a range ends before what is remembered below the confirmed head',
      { head: 280, blockConfirmations: 30 },
      { kind: 'range', from: 101, to: 121 },
    ],
    ['the chain starts', { next: 0, head: 0 }, { kind: 'blocks', from: 0, to: 0 }],
    ['a chain shorter than the cursor', { head: 50 }, { kind: 'wait' }],
  ])('behavior: %s', (_case, change, plan) => {
    expect(planNext({ ...position, ...change })).toEqual(plan);
  });
});
