import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Wallet } from 'ethers';
import { chainId, type Hex, parseAddress, parseHex } from '../../src/base/brands.js';
import { fromHex } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import { PonosError } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import { HeadTracker } from '../../src/chain/head-tracker.js';
import type { SignedTransaction } from '../../src/chain/transaction.js';
import type { JournaledTransaction } from '../../src/chain/transaction-journal.js';
import {
  createTransactionSender,
  type TransactionSender,
  type TransactionSenderOptions,
} from '../../src/chain/transaction-sender.js';
import { type Anvil, startAnvil } from '../support/anvil.js';
import { LOG_EMITTER, placeLogEmitter } from '../support/log-emitter.js';
import { ACCOUNT, PAYER } from '../support/sender-world.js';
import { untilTrue } from '../support/until.js';

const POOR = new Wallet(`0x${'11'.repeat(32)}`);
/** Reverts with the four bytes of `ThresholdNotMet()`. */
const REVERTING = parseAddress('0x00000000000000000000000000000000000000e1');
const DATA = fromHex(parseHex(`0x${'aa'.repeat(32)}`));

let anvil: Anvil;
let client: ChainClient;
let heads: HeadTracker;
const senders: TransactionSender[] = [];

beforeEach(async () => {
  anvil = await startAnvil({ chainId: 31337 });
  await placeLogEmitter(anvil);
  await anvil.rpc('anvil_setCode', REVERTING, '0x6359fa4a9360e01b60005260046000fd');
  client = createChainClient({
    chainId: chainId(31337),
    name: 'local',
    rpcUrls: [anvil.url],
    clock: systemClock,
    logger: silentLogger,
  });
  heads = new HeadTracker();
});

afterEach(async () => {
  for (const sender of senders.splice(0)) await sender.close();
  await client.close();
  await anvil.close();
});

function newSender(change: Partial<TransactionSenderOptions> = {}, wallet = PAYER): TransactionSender {
  const sender = createTransactionSender({
    client,
    heads,
    signer: {
      address: parseAddress(wallet.address),
      signTransaction: (transaction) => wallet.signTransaction(transaction),
    },
    logger: silentLogger,
    bumpPercent: 20,
    bumpAfterBlocks: 2,
    ...change,
  });
  senders.push(sender);
  return sender;
}

/** A request, with what was signed for it. */
function request(fields: { to?: typeof LOG_EMITTER; gas?: bigint } = {}) {
  const signed: SignedTransaction[] = [];
  let isHanded = false;
  return {
    signed,
    /**
     * Resolves when the sender knows that the pool has its first form. The pool knows a moment earlier, and a block
     * that is mined in between is not looked at: there was nothing to wait for.
     */
    handed: () => untilTrue(() => isHanded),
    request: {
      to: fields.to ?? LOG_EMITTER,
      data: DATA,
      gas: fields.gas ?? 100_000n,
      onSigned: async (transaction: SignedTransaction) => {
        signed.push(transaction);
      },
      onSent: () => {
        isHanded = true;
      },
    },
  };
}

async function mine() {
  await anvil.rpc('evm_mine');
  heads.update(await client.head());
}

/** Mines as many blocks as the sender lets pass before it replaces, each with a base fee above what is offered first. */
async function passBy() {
  for (let block = 0; block < 2; block++) {
    await anvil.rpc('anvil_setNextBlockBaseFeePerGas', '0x174876e800');
    await mine();
  }
}

const pooled = async () => Number((await anvil.rpc<{ pending: Hex }>('txpool_status')).pending);

describe('a transaction sender', () => {
  test('default: simulates, sends, and resolves with the receipt', async () => {
    const sender = newSender();
    const gas = await sender.simulate({ to: LOG_EMITTER, data: DATA });
    const { request: call, handed } = request({ gas });
    const sent = sender.send(call);
    await handed();
    await mine();
    expect(await sent).toMatchObject({ status: 'succeeded', blockNumber: 1 });
  });

  test('behavior: many transactions are on their way at once, with nonces in order', async () => {
    const sender = newSender();
    const requests = Array.from({ length: 10 }, () => request());
    const sent = requests.map(({ request }) => sender.send(request));
    await Promise.all(requests.map(({ handed }) => handed()));
    await mine();
    const receipts = await Promise.all(sent);
    expect(receipts.map(({ blockNumber }) => blockNumber)).toEqual(Array(10).fill(1));
    expect(requests.map(({ signed }) => signed[0]?.nonce)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('error: a simulation that reverts names the error', async () => {
    await expect(newSender().simulate({ to: REVERTING, data: DATA })).rejects.toMatchObject({
      code: 'CONTRACT_REVERTED',
      facts: { error: 'ThresholdNotMet' },
    });
  });

  test('behavior: a transaction that reverts when mined is told as such', async () => {
    const { request: call, handed } = request({ to: REVERTING });
    const sent = newSender().send(call);
    await handed();
    await mine();
    expect(await sent).toMatchObject({ status: 'reverted' });
  });

  test('behavior: a transaction that blocks pass by is replaced with higher fees', async () => {
    const { signed, request: call, handed } = request();
    const sent = newSender().send(call);
    await handed();
    await passBy();
    await untilTrue(() => signed.length === 2);
    const [first, second] = signed;
    expect(second?.nonce).toBe(first?.nonce);
    expect(second?.fees.maxFeePerGas).toBeGreaterThan(first?.fees.maxFeePerGas ?? 0n);
    await untilTrue(async () => (await anvil.rpc('eth_getTransactionByHash', second?.hash)) !== null);
    await mine();
    expect(await sent).toMatchObject({ status: 'succeeded', hash: second?.hash });
  });

  test('behavior: one that cannot be replaced does not keep the others waiting, however many there are', async () => {
    const unsignable = 3;
    let isHindered = false;
    const signer: TransactionSenderOptions['signer'] = {
      address: ACCOUNT,
      signTransaction: async (transaction) => {
        if (isHindered && transaction.nonce === unsignable) throw new Error('the signer is away');
        return PAYER.signTransaction(transaction);
      },
    };
    const requests = Array.from({ length: 12 }, () => request());
    const sender = newSender({ signer });
    const sent = requests.map(({ request: call }) => sender.send(call));
    await Promise.all(requests.map(({ handed }) => handed()));
    isHindered = true;
    await passBy();
    const forms = () => requests.map(({ signed }) => signed.length);
    const others = requests.map((_, nonce) => (nonce === unsignable ? 1 : 2));
    await untilTrue(() => forms().every((count, nonce) => count === others[nonce]));
    isHindered = false;
    await passBy();
    await untilTrue(() => forms()[unsignable] === 2);
    let mined = 0;
    for (const one of sent) void one.then(() => mined++);
    await untilTrue(async () => {
      if (mined < sent.length) await mine();
      return mined === sent.length;
    });
    // Each in a form that is not its first, the one that had to wait included; how many there are is up to the blocks.
    const receipts = await Promise.all(sent);
    const laterForms = requests.map(({ signed }) => signed.slice(1).map(({ hash }) => hash));
    expect(receipts.filter(({ hash }, nonce) => !laterForms[nonce]?.includes(hash))).toEqual([]);
  });

  test('behavior: a transaction that the pool has dropped is sent again', async () => {
    const { signed, request: call, handed } = request();
    const sent = newSender({ bumpAfterBlocks: 1 }).send(call);
    await handed();
    await anvil.rpc('anvil_dropTransaction', signed[0]?.hash);
    await mine();
    await untilTrue(async () => (await pooled()) === 1);
    await mine();
    expect(await sent).toMatchObject({ status: 'succeeded', hash: signed[1]?.hash });
  });

  test('behavior: finds the next nonce when the account was used elsewhere', async () => {
    const sender = newSender();
    const earlier = request();
    const first = sender.send(earlier.request);
    await earlier.handed();
    await mine();
    await first;
    await anvil.rpc('eth_sendTransaction', { from: ACCOUNT, to: LOG_EMITTER, gas: '0x186a0' });
    await mine();
    const { signed, request: call, handed } = request();
    const second = sender.send(call);
    await handed();
    await mine();
    expect(await second).toMatchObject({ status: 'succeeded' });
    expect(signed.map(({ nonce }) => nonce)).toEqual([2]);
  });

  test('behavior: after a reorg that undid its transactions it goes on at the nonce that is free again', async () => {
    const sender = newSender();
    const snapshot = await anvil.rpc('evm_snapshot');
    const earlier = request();
    const first = sender.send(earlier.request);
    await earlier.handed();
    await mine();
    await first;
    await anvil.rpc('evm_revert', snapshot);
    const { signed, request: call, handed } = request();
    const second = sender.send(call);
    await handed();
    await mine();
    expect(await second).toMatchObject({ status: 'succeeded' });
    expect(signed.map(({ nonce }) => nonce)).toEqual([0]);
  });

  test('behavior: a gap that a reorg tore below a waiting transaction is filled', async () => {
    const sender = newSender({ bumpAfterBlocks: 100 });
    const snapshot = await anvil.rpc('evm_snapshot');
    const earlier = request();
    const first = sender.send(earlier.request);
    await earlier.handed();
    const { signed, request: call, handed } = request();
    const second = sender.send(call);
    await handed();
    await anvil.rpc('anvil_dropTransaction', signed[0]?.hash);
    await mine();
    await first;
    await anvil.rpc('evm_revert', snapshot);
    await client.request('eth_sendRawTransaction', [signed[0]?.raw]);
    let isMined = false;
    const mined = second.then((receipt) => {
      isMined = true;
      return receipt;
    });
    await untilTrue(async () => {
      if (!isMined) await mine();
      return isMined;
    });
    expect(signed.map(({ nonce }) => nonce)).toEqual([1]);
    expect(await mined).toMatchObject({ status: 'succeeded', hash: signed[0]?.hash });
  });

  test('behavior: a transaction nobody waits for any more is replaced too, for those behind it', async () => {
    const abort = new AbortController();
    const over = new PonosError('TASK_EXPIRED', { message: 'too late' });
    const sender = newSender({ bumpAfterBlocks: 1 });
    const { signed, request: call, handed } = request();
    const store = async (transaction: SignedTransaction) => {
      if (abort.signal.aborted) throw over;
      signed.push(transaction);
    };
    const first = sender.send({ ...call, onSigned: store }, abort.signal);
    await handed();
    abort.abort(over);
    await expect(first).rejects.toBe(over);
    const later = request();
    const second = sender.send(later.request);
    await later.handed();
    await anvil.rpc('anvil_dropTransaction', signed[0]?.hash);
    await mine();
    await untilTrue(async () => (await pooled()) === 2);
    await mine();
    expect(await second).toMatchObject({ status: 'succeeded' });
  });

  test('behavior: a transaction that an earlier run has sent is replaced and awaited, too', async () => {
    const { signed, request: call, handed } = request();
    const former = newSender();
    const lost = former.send(call).catch(() => undefined);
    await handed();
    await former.close();
    await lost;
    const [sent] = signed;
    if (sent === undefined) throw new Error('nothing was signed');
    let signatures = 0;
    const kept: JournaledTransaction[] = [];
    const sender = newSender({
      signer: {
        address: ACCOUNT,
        signTransaction: (transaction) => {
          signatures += 1;
          return PAYER.signTransaction(transaction);
        },
      },
      journal: {
        list: async () => [],
        save: async (transaction) => void kept.push(transaction),
        remove: async () => undefined,
      },
    });
    heads.update(await client.head());
    const resumed = sender.resume({ subject: 'a task', hash: sent.hash }, { onSigned: call.onSigned });
    // It is taken over with the bytes that the pool has: a remote signer may not give the same ones again.
    await untilTrue(() => kept.length === 1);
    expect(kept[0]?.forms).toEqual([{ hash: sent.hash, raw: sent.raw }]);
    expect(signatures).toBe(0);
    await passBy();
    await untilTrue(() => signed.length === 2);
    expect(signed.map(({ nonce }) => nonce)).toEqual([0, 0]);
    await untilTrue(async () => (await anvil.rpc('eth_getTransactionByHash', signed[1]?.hash)) !== null);
    await mine();
    expect(await resumed).toMatchObject({ status: 'succeeded', hash: signed[1]?.hash });
    expect(await sender.resume({ subject: 'a task', hash: sent.hash }, {})).toBeUndefined();
  });

  test('error: another transaction took the nonce', async () => {
    const { signed, request: call, handed } = request();
    const sent = newSender({ bumpAfterBlocks: 100 }).send(call);
    sent.catch(() => undefined);
    await handed();
    await anvil.rpc('anvil_dropTransaction', signed[0]?.hash);
    await anvil.rpc('eth_sendTransaction', {
      from: ACCOUNT,
      to: REVERTING,
      nonce: '0x0',
      gas: '0x186a0',
    });
    let ended = false;
    sent
      .finally(() => {
        ended = true;
      })
      .catch(() => undefined);
    await untilTrue(async () => {
      if (!ended) await mine();
      return ended;
    });
    await expect(sent).rejects.toMatchObject({ code: 'TRANSACTION_STUCK', facts: { nonce: 0 } });
  });

  test.each([
    ['it had arrived', true],
    ['it had not arrived', false],
  ])('behavior: a lost answer to a broadcast is made good when %s', async (_case, arrives) => {
    let lost = false;
    const sender = newSender({
      client: {
        name: client.name,
        chainId: client.chainId,
        head: () => client.head(),
        ask: (method, params, delivery, parse) => client.ask(method, params, delivery, parse),
        request: async (method, params, delivery) => {
          if (method !== 'eth_sendRawTransaction' || lost) return client.request(method, params, delivery);
          lost = true;
          if (arrives) await client.request(method, params, delivery);
          throw new PonosError('CHAIN_UNREACHABLE', { message: 'cut off' });
        },
      },
    });
    const { request: call, handed } = request();
    const sent = sender.send(call);
    await handed();
    expect(lost).toBe(true);
    if (!arrives) await mine();
    await untilTrue(async () => (await pooled()) === 1);
    await mine();
    expect(await sent).toMatchObject({ status: 'succeeded' });
  });

  test('error: an account without funds, and it works once there are some', async () => {
    const sender = newSender({}, POOR);
    const { request: call, handed } = request();
    await expect(sender.send(call)).rejects.toMatchObject({ code: 'FUNDS_INSUFFICIENT', kind: 'retryable' });
    await anvil.rpc('anvil_setBalance', POOR.address, '0xde0b6b3a7640000');
    const sent = sender.send(call);
    await handed();
    await mine();
    expect(await sent).toMatchObject({ status: 'succeeded' });
  });

  test('error: a base fee above the cap', async () => {
    await expect(newSender({ maxFeeGwei: 0.001 }).send(request().request)).rejects.toMatchObject({
      code: 'TRANSACTION_REJECTED',
      facts: { reason: 'fee-cap', capPerGas: 1_000_000n },
    });
  });

  test('behavior: aborting and closing end the waits', async () => {
    const sender = newSender();
    const abort = new AbortController();
    const [one, other] = [request(), request()];
    const aborted = sender.send(one.request, abort.signal);
    const closed = sender.send(other.request);
    const results = Promise.allSettled([aborted, closed]);
    await Promise.all([one.handed(), other.handed()]);
    abort.abort();
    await sender.close();
    for (const result of await results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ABORTED' } });
    }
    await expect(sender.send(request().request)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
