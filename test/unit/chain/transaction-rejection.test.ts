import { describe, expect, test } from '@jest/globals';
import { readRpcError, rpcError } from '../../../src/chain/rpc-error.js';
import { rejectedError, rejectionIn } from '../../../src/chain/transaction-rejection.js';

/** As the nodes answer eth_sendRawTransaction. */
const SENTENCES = [
  ['geth', 'nonce too low: next nonce 5, tx nonce 3', 'nonce-too-low'],
  ['geth', 'nonce too high: address 0xf39F, tx: 9 state: 2', 'nonce-too-high'],
  ['geth', 'already known', 'already-known'],
  ['geth', 'replacement transaction underpriced', 'replacement-underpriced'],
  ['geth', 'future transaction tries to replace pending', 'replacement-underpriced'],
  ['geth', 'transaction underpriced: gas tip cap 0, minimum needed 1', 'fee-too-low'],
  [
    'geth',
    'max fee per gas less than block base fee: address 0xf39F, maxFeePerGas: 1, baseFee: 7',
    'fee-too-low',
  ],
  [
    'geth',
    'insufficient funds for gas * price + value: balance 0, tx cost 21000, overshot 21000',
    'insufficient-funds',
  ],
  [
    'geth',
    'insufficient funds for gas * price + value: balance 9, queued cost 8, tx cost 2, overshot 1',
    'insufficient-funds',
  ],
  ['geth', 'intrinsic gas too low: gas 20000, minimum needed 21000', 'gas-limit'],
  ['geth', 'exceeds block gas limit', 'gas-limit'],
  ['geth', 'txpool is full', 'pool-full'],
  ['geth', 'tx fee (1.20 ether) exceeds the configured cap (1.00 ether)', 'endpoint-fee-cap'],
  ['geth', 'transaction type not supported', 'type-unsupported'],
  ['op-geth', 'insufficient funds for gas * price + value + rollup cost: balance 5', 'insufficient-funds'],
  ['op-geth', 'replacement transaction underpriced', 'replacement-underpriced'],
  ['erigon', 'nonce too low', 'nonce-too-low'],
  ['erigon', 'already known', 'already-known'],
  ['erigon', 'existing txn with same hash', 'already-known'],
  ['erigon', 'could not replace existing tx', 'replacement-underpriced'],
  ['erigon', 'replacement transaction underpriced', 'replacement-underpriced'],
  ['erigon', 'underpriced', 'fee-too-low'],
  ['erigon', 'fee too low', 'fee-too-low'],
  ['erigon', 'insufficient funds', 'insufficient-funds'],
  ['erigon', 'IntrinsicGas', 'gas-limit'],
  ['erigon', 'gas limit is too high', 'gas-limit'],
  ['erigon', 'baseFee sub-pool is full', 'pool-full'],
  ['erigon', 'fork supporting this transaction type is not activated yet', 'type-unsupported'],
  ['nethermind', 'OldNonce, Current nonce: 5, nonce of rejected tx: 4', 'nonce-too-low'],
  ['nethermind', 'NonceGap, Future nonce. Expected nonce: 5', 'nonce-too-high'],
  ['nethermind', 'AlreadyKnown', 'already-known'],
  ['nethermind', 'ReplacementNotAllowed', 'replacement-underpriced'],
  ['nethermind', 'FeeTooLow, MaxFeePerGas too low. MaxFeePerGas: 1, BaseFee: 7', 'fee-too-low'],
  ['nethermind', 'FeeTooLowToCompete', 'fee-too-low'],
  ['nethermind', 'InsufficientFunds, Account balance: 0, cumulative cost: 21000', 'insufficient-funds'],
  ['nethermind', 'GasLimitExceeded, Gas limit: 30000000', 'gas-limit'],
  ['besu', 'Nonce too low', 'nonce-too-low'],
  ['besu', 'Nonce too distant from current sender nonce', 'nonce-too-high'],
  ['besu', 'Known transaction', 'already-known'],
  ['besu', 'Replacement transaction underpriced', 'replacement-underpriced'],
  ['besu', 'Gas price below current base fee', 'fee-too-low'],
  ['besu', 'Upfront cost exceeds account balance', 'insufficient-funds'],
  ['besu', 'Intrinsic gas exceeds gas limit', 'gas-limit'],
  ['besu', 'Transaction fee cap exceeded', 'endpoint-fee-cap'],
  ['reth', 'nonce too low: next nonce 5, tx nonce 3', 'nonce-too-low'],
  ['reth', 'already known', 'already-known'],
  ['reth', 'replacement transaction underpriced', 'replacement-underpriced'],
  ['reth', 'transaction underpriced', 'fee-too-low'],
  ['reth', 'max fee per gas less than block base fee', 'fee-too-low'],
  ['reth', 'insufficient funds for gas * price + value: have 0 want 21000', 'insufficient-funds'],
  ['reth', 'intrinsic gas too low', 'gas-limit'],
  ['reth', 'txpool is full', 'pool-full'],
  ['anvil', 'nonce too low', 'nonce-too-low'],
  ['anvil', 'transaction already imported', 'already-known'],
  ['anvil', 'Tx: [0xab] already Imported', 'already-known'],
  ['anvil', 'Tx: [0xab] insufficient gas price to replace existing transaction', 'replacement-underpriced'],
  ['anvil', 'Insufficient funds for gas * price + value', 'insufficient-funds'],
  ['anvil', 'max fee per gas less than block base fee', 'fee-too-low'],
  ['anvil', 'intrinsic gas too low', 'gas-limit'],
] as const;

describe('rejectionIn', () => {
  test.each(SENTENCES)('default: %s says "%s": %s', (_node, message, reason) => {
    expect(rejectionIn(message)).toBe(reason);
    expect(readRpcError({ code: -32000, message })).toEqual({ kind: 'rejected', reason });
  });

  test.each([
    'rate limit exceeded',
    'daily request count exceeded',
    'the account limit of your plan is exceeded',
    'header not found',
    'invalid argument 0',
  ])('behavior: "%s" is about something else', (message) => {
    expect(rejectionIn(message)).toBeUndefined();
  });
});

describe('rejectedError', () => {
  test('default: is worth another try, and says why', () => {
    expect(
      rpcError('eth_sendRawTransaction', 'here', { code: -32000, message: 'txpool is full' }),
    ).toMatchObject({
      code: 'TRANSACTION_REJECTED',
      kind: 'retryable',
      facts: { reason: 'pool-full', answer: 'txpool is full', endpoint: 'here' },
    });
  });

  test('behavior: an account that cannot pay has a code of its own', () => {
    expect(rejectedError('insufficient-funds', {})).toMatchObject({ code: 'FUNDS_INSUFFICIENT' });
  });

  test.each([
    ['endpoint-fee-cap', /txfeecap/],
    ['type-unsupported', /EIP-1559/],
  ] as const)('behavior: %s comes with advice', (reason, advice) => {
    expect(rejectedError(reason, {}).advice).toMatch(advice);
  });
});
