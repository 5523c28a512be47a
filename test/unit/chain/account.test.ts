import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import { Account } from '../../../src/chain/account.js';
import { operatorAddress } from '../aggregator/world.js';

const accountOf = (request: (method: string) => unknown) =>
  new Account(
    {
      request: async (method) => request(method),
      ask: async (method, _params, _delivery, parse) => parse(request(method)),
    },
    operatorAddress(1),
  );

const failing = (code: 'CHAIN_RPC' | 'CHAIN_UNREACHABLE') =>
  accountOf(() => {
    throw new PonosError(code, { message: 'no' });
  });

describe('priorityFee', () => {
  test.each([
    ['the suggestion', '0x77359400', 2_000_000_000n],
    ['nothing, when nothing is suggested', '0x0', 0n],
    ['50 gwei of a suggestion that would empty the account', '0xde0b6b3a7640000', 50_000_000_000n],
  ])('default: %s', async (_case, suggested, fee) => {
    expect(await accountOf(() => suggested).priorityFee()).toBe(fee);
  });

  test('behavior: 1 gwei where the node has no such method', async () => {
    expect(await failing('CHAIN_RPC').priorityFee()).toBe(1_000_000_000n);
  });

  test('error: an endpoint that does not answer is not taken for one without the method', async () => {
    await expect(failing('CHAIN_UNREACHABLE').priorityFee()).rejects.toMatchObject({
      code: 'CHAIN_UNREACHABLE',
    });
  });
});

describe('broadcast', () => {
  const refusing = (reason: string) =>
    accountOf(() => {
      throw new PonosError('TRANSACTION_REJECTED', { message: 'refused', facts: { reason } });
    });

  test('default: what the node has already is fine', async () => {
    await expect(refusing('already-known').broadcast('0x')).resolves.toBeUndefined();
  });

  test('error: any other refusal is told', async () => {
    await expect(refusing('nonce-too-low').broadcast('0x')).rejects.toMatchObject({
      code: 'TRANSACTION_REJECTED',
    });
  });
});
