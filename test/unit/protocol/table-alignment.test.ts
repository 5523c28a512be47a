import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Address, parseAddress } from '../../../src/base/brands.js';
import { type Bn254OperatorInfo, operatorTableRoot } from '../../../src/protocol/operator-table.js';
import { alignTable, type OperatorWeights } from '../../../src/protocol/table-alignment.js';

const hole: Bn254OperatorInfo = { pubkey: { x: 0n, y: 0n }, weights: [] };
const operator = (n: number): Address => parseAddress(`0x${n.toString(16).padStart(40, '0')}`);
const entry = (n: number, ...weights: bigint[]): OperatorWeights => ({ operator: operator(n), weights });
const info = (n: number, ...weights: bigint[]): Bn254OperatorInfo => ({
  pubkey: { x: BigInt(n), y: BigInt(n) + 1n },
  weights,
});

describe('alignTable', () => {
  test('default: an empty table has no leaves', () => {
    expect(alignTable([], [])).toEqual([]);
  });

  test('behavior: operators without a key leave no gap in the indexes of those behind them', () => {
    const weights = [entry(1, 10n), entry(2, 20n), entry(3, 30n), entry(4, 40n)];
    const infos = [hole, info(2, 20n), hole, info(4, 40n)];
    expect(alignTable(weights, infos)).toEqual([
      { operator: operator(2), ...info(2, 20n), index: 0 },
      { operator: operator(4), ...info(4, 40n), index: 1 },
    ]);
  });

  test('behavior: a calculator that lists operators without stake has them in its tree as well', () => {
    const leaves = alignTable([entry(1, 0n), entry(2, 5n)], [info(1, 0n), info(2, 5n)]);
    expect(leaves.map((leaf) => [leaf.operator, leaf.index])).toEqual([
      [operator(1), 0],
      [operator(2), 1],
    ]);
  });

  test('behavior: whoever is key-less, the root is that of the others alone, each with its own operator', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 30 }), (keyed) => {
        const weights = keyed.map((_, n) => entry(n + 1, BigInt(n)));
        const infos = keyed.map((has, n) => (has ? info(n + 1, BigInt(n)) : hole));
        const leaves = alignTable(weights, infos);
        expect(operatorTableRoot(leaves)).toEqual(operatorTableRoot(infos.filter((each) => each !== hole)));
        expect(leaves.map((leaf) => leaf.index)).toEqual(leaves.map((_, index) => index));
        for (const leaf of leaves) expect(leaf.operator).toBe(operator(Number(leaf.pubkey.x)));
      }),
    );
  });

  test.each([
    ['lists of different length', [entry(1, 1n)], []],
    ['different weights for one operator', [entry(1, 1n)], [info(1, 2n)]],
    ['one stake type against two', [entry(1, 1n)], [info(1, 1n, 1n)]],
    ['an operator named twice', [entry(1, 1n), entry(1, 1n)], [info(1, 1n), info(2, 1n)]],
    ['a public key named twice', [entry(1, 1n), entry(2, 1n)], [info(1, 1n), info(1, 1n)]],
  ])('error: %s', (_name, weights, infos) => {
    expect(() => alignTable(weights, infos)).toThrow(expect.objectContaining({ code: 'TASK_REFUSED' }));
  });
});
