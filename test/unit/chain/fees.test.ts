import { describe, expect, test } from '@jest/globals';
import { bumpedFees, initialFees } from '../../../src/chain/fees.js';

const market = { baseFeePerGas: 100n, priorityFeePerGas: 10n, capPerGas: undefined };

describe('initialFees', () => {
  test.each([
    ['twice the base fee and the priority fee', {}, [210n, 10n]],
    ['the cap', { capPerGas: 150n }, [150n, 10n]],
    ['the cap at the base fee', { capPerGas: 100n }, [100n, 10n]],
    ['a priority fee not above the whole', { priorityFeePerGas: 500n, capPerGas: 150n }, [150n, 150n]],
    ['no base fee', { baseFeePerGas: 0n }, [10n, 10n]],
  ])('default: offers %s', (_case, change, [maxFeePerGas, maxPriorityFeePerGas]) => {
    expect(initialFees({ ...market, ...change })).toEqual({ maxFeePerGas, maxPriorityFeePerGas });
  });

  test('behavior: offers nothing when the cap is below the base fee', () => {
    expect(initialFees({ ...market, capPerGas: 99n })).toBeUndefined();
  });
});

describe('bumpedFees', () => {
  const previous = { maxFeePerGas: 210n, maxPriorityFeePerGas: 1n };

  test('default: raises both amounts by the percentage, rounded up', () => {
    expect(bumpedFees(previous, 20, { ...market, priorityFeePerGas: 1n })).toEqual({
      maxFeePerGas: 252n,
      maxPriorityFeePerGas: 2n,
    });
  });

  test('behavior: follows a market that has risen more', () => {
    expect(bumpedFees(previous, 20, { ...market, baseFeePerGas: 1000n })).toEqual({
      maxFeePerGas: 2010n,
      maxPriorityFeePerGas: 10n,
    });
  });

  test('behavior: stays at the cap, but never below the raise that pools ask for', () => {
    expect(bumpedFees(previous, 20, { ...market, baseFeePerGas: 200n, capPerGas: 300n })).toEqual({
      maxFeePerGas: 300n,
      maxPriorityFeePerGas: 10n,
    });
    expect(bumpedFees(previous, 20, { ...market, capPerGas: 251n })).toBeUndefined();
  });

  test('behavior: what offers ten times the price of the market is not raised any more', () => {
    expect(bumpedFees({ ...previous, maxFeePerGas: 1_750n }, 20, market)).toBeDefined();
    expect(bumpedFees({ ...previous, maxFeePerGas: 1_751n }, 20, market)).toBeUndefined();
  });
});
