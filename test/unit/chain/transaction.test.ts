import { describe, expect, test } from '@jest/globals';
import { maxCostWei, parseReceipt } from '../../../src/chain/transaction.js';

const HASH = `0x${'ab'.repeat(32)}`;
const receipt = {
  transactionHash: HASH,
  blockNumber: '0x10',
  blockHash: HASH,
  status: '0x1',
  gasUsed: '0x5208',
};

describe('parseReceipt', () => {
  test.each([
    ['the gas at its price', { effectiveGasPrice: '0x2' }, 42_000n],
    ["an OP chain's fee for L1 on top", { effectiveGasPrice: '0x2', l1Fee: '0x64' }, 42_100n],
    ['nothing where the price is not told', { l1Fee: '0x64' }, undefined],
  ])('default: the cost is %s', (_case, fields, costWei) => {
    expect(parseReceipt({ ...receipt, ...fields })).toMatchObject({ status: 'succeeded', gasUsed: 21_000n });
    expect(parseReceipt({ ...receipt, ...fields })?.costWei).toBe(costWei);
  });

  test.each([[null], [{ ...receipt, blockNumber: null }]])(
    'behavior: none while the transaction is in no block: %j',
    (answer) => {
      expect(parseReceipt(answer)).toBeUndefined();
    },
  );

  test('behavior: a transaction that reverted was paid for all the same', () => {
    expect(parseReceipt({ ...receipt, status: '0x0', effectiveGasPrice: '0x1' })).toMatchObject({
      status: 'reverted',
      costWei: 21_000n,
    });
  });
});

describe('maxCostWei', () => {
  test('default: all the gas at the highest price', () => {
    expect(maxCostWei({ gasLimit: 10n, fees: { maxFeePerGas: 7n, maxPriorityFeePerGas: 1n } })).toBe(70n);
  });
});
