import { describe, expect, test } from '@jest/globals';
import { whyHopeless } from '../../../src/aggregator/hopeless.js';
import type { Address, Hash32 } from '../../../src/base/brands.js';
import { loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import type { Consensus } from '../../../src/protocol/consensus.js';
import { operatorAddress, taskPlan } from './world.js';

const half: Consensus = { kind: 'threshold', bips: 5_000 };
const weights = Array.from({ length: 200 }, () => 1n);
const plan = taskPlan(await loadBn254(), 'ecdsa', weights, half);
const silent = (...reasons: readonly string[]): Map<Address, string> =>
  new Map(reasons.map((reason, index) => [operatorAddress(index), reason]));
const group = (digit: string, operatorIndexes: readonly number[]) => ({
  messageHash: `0x${digit.repeat(64)}` as Hash32,
  operatorIndexes,
  weight: 1n,
});
const names = (...indexes: readonly number[]) => indexes.map(operatorAddress).join(', ');

describe('whyHopeless', () => {
  test('default: each reason once, with whom it is of, the most frequent first', () => {
    expect(whyHopeless(plan, 'all', [], silent('down', 'no', 'no'))).toBe(
      `the threshold cannot be met any more (${names(1, 2)}: no; ${names(0)}: down)`,
    );
  });

  test('behavior: different outputs are named before the reasons; one output is no news', () => {
    expect(whyHopeless(plan, 'all', [group('a', [0, 3]), group('b', [1])], silent('no'))).toBe(
      `the threshold cannot be met any more (different outputs: 0xaaaaaaaa by ${names(0, 3)}, 0xbbbbbbbb by ${names(1)}; ${names(0)}: no)`,
    );
    expect(whyHopeless(plan, 'all', [group('a', [1])], silent('no'))).not.toContain('outputs');
  });

  test('behavior: of a large table a few are named and the others counted', () => {
    const all = weights.map((_, index) => index);
    expect(whyHopeless(plan, 'all', [], silent(...all.map(() => 'down')))).toBe(
      `the threshold cannot be met any more (${names(0, 1, 2)} and 197 more: down)`,
    );
    const groups = [group('a', all.slice(0, 100)), group('b', all.slice(100))];
    expect(whyHopeless(plan, 'all', groups, silent())).toContain(` by ${names(100, 101, 102)} and 97 more)`);
    const each = whyHopeless(plan, 'all', [], silent(...all.map((index) => `reason ${index}`)));
    expect(each).toMatch(/: reason 9 and 190 more\)$/);
  });

  test.each([
    ['majority', 'no result has a majority of the weight'],
    ['all', 'nobody has given a result'],
    ['first', 'nobody has given a result'],
  ] as const)('default: under consensus NONE and policy %s: %s', (policy, text) => {
    expect(whyHopeless({ ...plan, consensus: { kind: 'none' } }, policy, [], silent('no'))).toBe(
      `${text} (${names(0)}: no)`,
    );
  });
});
