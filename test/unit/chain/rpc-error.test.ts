import { describe, expect, test } from '@jest/globals';
import { readRpcError, rpcError } from '../../../src/chain/rpc-error.js';

const STALE = '0xc81f9ad6';

describe('readRpcError', () => {
  test.each([
    ['geth', { code: 3, message: 'execution reverted', data: STALE }],
    ['geth with a reason', { code: 3, message: 'execution reverted: late', data: STALE }],
    ['anvil', { code: 3, message: 'execution reverted: custom error 0xc81f9ad6', data: STALE }],
    ['nethermind', { code: -32015, message: 'VM execution error: reverted', data: `Reverted ${STALE}` }],
    [
      'nested data',
      { code: -32000, message: 'execution reverted', data: { originalError: { data: STALE } } },
    ],
  ])('behavior: finds the data of a revert as %s answers it', (_case, error) => {
    expect(readRpcError(error)).toEqual({ kind: 'reverted', data: STALE });
  });

  test('behavior: a revert without data', () => {
    expect(readRpcError({ code: -32000, message: 'execution reverted', data: '0x' })).toEqual({
      kind: 'reverted',
      data: undefined,
    });
  });

  test('behavior: what a contract says when it reverts is not taken for what the node says', () => {
    const message = 'execution reverted: insufficient balance';
    expect(readRpcError({ code: 3, message, data: STALE })).toEqual({ kind: 'reverted', data: STALE });
  });

  test.each(['out of gas', 'EVM error OutOfGas'])(
    'behavior: a call without enough gas fails by itself: %s',
    (message) => {
      expect(readRpcError({ code: -32000, message })).toEqual({ kind: 'reverted', data: undefined });
    },
  );

  test.each([
    ['nonce too low: next nonce 5, tx nonce 3', 'nonce-too-low'],
    ['already known', 'already-known'],
    ['transaction already imported', 'already-known'],
    ['replacement transaction underpriced', 'replacement-underpriced'],
    ['transaction underpriced: gas tip cap 0, minimum needed 1', 'fee-too-low'],
    ['max fee per gas less than block base fee', 'fee-too-low'],
    ['insufficient funds for gas * price + value', 'insufficient-funds'],
    ['Insufficient funds for gas * price + value', 'insufficient-funds'],
  ])('behavior: %s', (message, reason) => {
    expect(readRpcError({ code: -32000, message })).toEqual({ kind: 'rejected', reason });
  });

  test.each([
    'missing trie node 1234 (path ) state 0x12 is not available',
    'historical state abcd is not available',
    'state is not available',
    'block 5 has been pruned',
    'BlockOutOfRangeError: block height is 5618 but requested was 2',
  ])('behavior: no history: %s', (message) => {
    expect(readRpcError({ code: -32000, message })).toEqual({ kind: 'no-history' });
  });

  test.each([
    [{ code: -32000, message: 'header not found' }, 'unknown-block'],
    [
      { code: -32602, message: 'BlockOutOfRangeError: block height is 8 but requested was 9' },
      'unknown-block',
    ],
    [{ code: -32005, message: 'query returned more than 10000 results' }, 'range-too-large'],
    [{ code: -32602, message: 'invalid argument 0: hex string without 0x prefix' }, 'invalid-request'],
    [{ code: -32603 }, 'other'],
  ])('behavior: what is refused has its reason: %j', (error, reason) => {
    expect(readRpcError(error)).toEqual({ kind: 'refused', reason });
    expect(rpcError('eth_call', 'here', error)).toMatchObject({
      code: 'CHAIN_RPC',
      kind: 'retryable',
      facts: { reason, method: 'eth_call' },
    });
  });

  test('behavior: a limit of requests has its own code, and says until when', () => {
    const error = rpcError(
      'eth_call',
      'here',
      { code: -32005, message: 'daily request count exceeded' },
      '3',
    );
    expect(error).toMatchObject({
      code: 'CHAIN_RATE_LIMITED',
      kind: 'retryable',
      facts: { retryAfter: '3' },
    });
  });
});
