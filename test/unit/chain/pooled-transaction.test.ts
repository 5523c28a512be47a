import { describe, expect, test } from '@jest/globals';
import { Transaction, type TransactionLike, Wallet } from 'ethers';
import { parsePooled } from '../../../src/chain/transaction.js';

const WALLET = new Wallet(`0x${'11'.repeat(32)}`);
const FIELDS: TransactionLike = {
  type: 2,
  chainId: 31_337,
  nonce: 3,
  to: `0x${'22'.repeat(20)}`,
  data: '0x1234',
  gasLimit: 50_000,
  maxFeePerGas: 7,
  maxPriorityFeePerGas: 1,
};

/** As a node tells it. */
async function told(fields: TransactionLike = FIELDS) {
  const { signature, hash, serialized } = Transaction.from(await WALLET.signTransaction(fields));
  const answer = {
    hash,
    chainId: '0x7a69',
    nonce: '0x3',
    to: fields.to,
    input: '0x1234',
    value: '0x0',
    gas: '0xc350',
    maxFeePerGas: '0x7',
    maxPriorityFeePerGas: '0x1',
    // Nodes leave out leading zeros.
    r: `0x${BigInt(signature?.r ?? 0).toString(16)}`,
    s: `0x${BigInt(signature?.s ?? 0).toString(16)}`,
    v: `0x${signature?.yParity}`,
    blockNumber: null,
    from: '0x0000000000000000000000000000000000000bad',
  };
  return { answer, serialized };
}

describe('parsePooled', () => {
  test('default: the very bytes that were signed, whoever the node says it is from', async () => {
    for (let nonce = 0; nonce < 40; nonce++) {
      const { answer, serialized } = await told({ ...FIELDS, nonce });
      const pooled = parsePooled({ ...answer, nonce: `0x${nonce.toString(16)}` });
      expect(pooled?.transaction).toMatchObject({ raw: serialized, nonce, gasLimit: 50_000n });
      expect(pooled?.from).toBe(WALLET.address.toLowerCase());
      expect(pooled?.call).toEqual({ to: FIELDS.to, data: Uint8Array.of(0x12, 0x34), gasLimit: 50_000n });
    }
  });

  test.each([
    ['the node has none', async () => null],
    ['it is in a block', async () => ({ ...(await told()).answer, blockNumber: '0x1' })],
    ['it is of the old kind', async () => ({ ...(await told()).answer, maxFeePerGas: undefined })],
    [
      'it has an access list',
      async () =>
        (await told({ ...FIELDS, accessList: [{ address: `0x${'33'.repeat(20)}`, storageKeys: [] }] }))
          .answer,
    ],
    [
      'the node tells another amount than was signed',
      async () => ({ ...(await told()).answer, value: '0x1' }),
    ],
  ])('behavior: nothing when %s', async (_case, answer) => {
    expect(parsePooled(await answer())).toBeUndefined();
  });
});
