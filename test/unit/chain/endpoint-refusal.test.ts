import { describe, expect, test } from '@jest/globals';
import { refusalIn, retryAfterMs } from '../../../src/chain/endpoint-refusal.js';

describe('refusalIn', () => {
  test.each([
    // Too many requests, as providers say it.
    [-32005, 'daily request count exceeded, request rate limited', 'rate-limited'],
    [429, 'Your app has exceeded its compute units per second capacity.', 'rate-limited'],
    [-32007, '15/second request limit reached - reduce calls per second or upgrade', 'rate-limited'],
    [-32090, 'Too many requests, reason: call rate limit exhausted, retry in 10s', 'rate-limited'],
    [-32016, 'over rate limit', 'rate-limited'],
    [-32005, undefined, 'rate-limited'],
    // Too many blocks or logs for one request; geth and Infura use the code of the above.
    [-32005, 'query returned more than 10000 results', 'range-too-large'],
    [
      -32602,
      'query returned more than 10000 results. Try with this block range [0x1, 0x2].',
      'range-too-large',
    ],
    [-32600, 'You can make eth_getLogs requests with up to a 10 block range.', 'range-too-large'],
    [-32602, 'Log response size exceeded. this block range should work: [0x0, 0x1f3]', 'range-too-large'],
    [-32614, 'eth_getLogs is limited to a 10,000 range', 'range-too-large'],
    [-32000, 'block range is too wide', 'range-too-large'],
    [-32000, 'exceed maximum block range: 50000', 'range-too-large'],
    [-32701, 'Please limit the query to at most 1000 blocks: block range too large', 'range-too-large'],
    [-32005, 'block range exceeded', 'range-too-large'],
    // A block that the node does not have (yet).
    [-32000, 'header not found', 'unknown-block'],
    [-32000, 'unknown block', 'unknown-block'],
    [-32001, 'Unable to find block 0x123', 'unknown-block'],
    [-39001, 'Unknown block', 'unknown-block'],
    [-32000, 'block with number 77 not found', 'unknown-block'],
    // A method that it does not offer.
    [-32601, 'the method eth_getBlockReceipts does not exist/is not available', 'unsupported'],
    [-32000, 'method eth_maxPriorityFeePerGas not supported', 'unsupported'],
    // What asking elsewhere does not mend.
    [-32602, 'invalid argument 0: json: cannot unmarshal hex string without 0x prefix', 'invalid-request'],
    [-32603, 'Internal error', 'other'],
    [-32000, 'gas required exceeds allowance (30000000)', 'other'],
    [-32000, undefined, 'other'],
  ])('default: %i %s is %s', (code, message, reason) => {
    expect(refusalIn({ code, ...(message !== undefined && { message }) })).toBe(reason);
  });
});

describe('retryAfterMs', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');

  test.each([
    ['3', 3_000],
    ['0', 0],
    ['1.5', 1_500],
    ['Thu, 01 Jan 2026 00:00:20 GMT', 20_000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('default: %s', (header, ms) => {
    expect(retryAfterMs(header, nowMs)).toBe(ms);
  });
});
