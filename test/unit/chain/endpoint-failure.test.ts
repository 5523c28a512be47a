import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import type { ErrorCode } from '../../../src/base/error-codes.js';
import { isContradicted, judgeFailure } from '../../../src/chain/endpoint-failure.js';

describe('judgeFailure', () => {
  test.each<[ErrorCode, string | undefined, ReturnType<typeof judgeFailure>]>([
    ['CONTRACT_REVERTED', undefined, 'answer'],
    ['TRANSACTION_REJECTED', 'nonce-too-low', 'answer'],
    ['FUNDS_INSUFFICIENT', undefined, 'answer'],
    ['ABORTED', undefined, 'answer'],
    ['CHAIN_RPC', 'range-too-large', 'answer'],
    ['CHAIN_RPC', 'invalid-request', 'answer'],
    ['CHAIN_RPC', 'unknown-block', 'elsewhere'],
    ['CHAIN_RPC', 'missing-block', 'elsewhere'],
    ['CHAIN_RPC', 'unsupported', 'elsewhere'],
    ['CHAIN_NO_HISTORY', undefined, 'elsewhere'],
    ['CHAIN_RPC', 'other', 'odd'],
    ['CHAIN_RPC', undefined, 'broken'],
    ['CHAIN_UNREACHABLE', undefined, 'broken'],
    ['CHAIN_RATE_LIMITED', undefined, 'limited'],
    ['CHAIN_MISMATCH', undefined, 'wrong-chain'],
  ])('default: %s (%s) means %s', (code, reason, meaning) => {
    expect(judgeFailure(new PonosError(code, { message: 'no', facts: { reason } }))).toBe(meaning);
  });

  test('behavior: a bug of ours is no failure of an endpoint', () => {
    expect(judgeFailure(new TypeError('x is undefined'))).toBe('answer');
  });

  test('behavior: only a block that must be there contradicts', () => {
    const error = (reason: string) => new PonosError('CHAIN_RPC', { message: 'no', facts: { reason } });
    expect(isContradicted(error('missing-block'))).toBe(true);
    expect(isContradicted(error('unknown-block'))).toBe(false);
  });
});
