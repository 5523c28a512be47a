/** Threat 14 on the way of a transaction: a real chain behind an endpoint that refuses, forgets and swallows. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Wallet } from 'ethers';
import { ChainTime } from '../../src/aggregator/chain-time.js';
import { type SubmitOptions, type SubmitOutcome, submit } from '../../src/aggregator/submit.js';
import { chainId, type Hex, parseAddress, parseHex } from '../../src/base/brands.js';
import { fromHex } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import type { LogFields, Logger } from '../../src/base/logger.js';
import { silentLogger } from '../../src/base/logger.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import { revertedError } from '../../src/chain/contracts/errors.js';
import { requireBaseFee } from '../../src/chain/fee-quotes.js';
import { HeadTracker } from '../../src/chain/head-tracker.js';
import type { SignedTransaction } from '../../src/chain/transaction.js';
import {
  createTransactionSender,
  type TransactionSender,
  type TransactionSenderOptions,
} from '../../src/chain/transaction-sender.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { type Anvil, startAnvil } from '../support/anvil.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { rpcError } from '../support/fault-proxy-faults.js';
import { LOG_EMITTER, placeLogEmitter } from '../support/log-emitter.js';

/** Anvil's first funded account, and another one. */
const PAYER = new Wallet('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const ACCOUNT = parseAddress(PAYER.address);
const DATA = fromHex(parseHex(`0x${'aa'.repeat(32)}`));
const CALL = { to: LOG_EMITTER, data: DATA };
const DEAR = '0x174876e800'; // 100 gwei
const CHEAP = '0x3b9aca00'; // 1 gwei
const SEND = { methods: ['eth_sendRawTransaction'] };
const ALREADY_VERIFIED = parseHex(`0x81236312${'1'.padStart(64, '0')}${'2'.padStart(64, '0')}`);

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

let anvil: Anvil;
let proxy: FaultProxy;
let client: ChainClient;
let heads: HeadTracker;
let chainTime: ChainTime;
let lines: Line[];
let stop: AbortController;
const closing: { close(): unknown }[] = [];

beforeEach(async () => {
  anvil = await startAnvil({ chainId: 31_337 });
  await placeLogEmitter(anvil);
  proxy = await startFaultProxy([anvil.url]);
  client = createChainClient({
    chainId: chainId(31_337),
    name: 'local',
    rpcUrls: [proxy.url],
    clock: systemClock,
    logger: silentLogger,
  });
  heads = new HeadTracker();
  const head = await client.head();
  heads.update(head);
  chainTime = new ChainTime(systemClock, heads, head);
  lines = [];
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  for (const thing of closing.splice(0)) await thing.close();
  chainTime.close();
  await client.close();
  await proxy.close();
  await anvil.close();
});

function recorder(): Logger {
  const at = (level: string) => (message: string, fields?: LogFields) => {
    lines.push({ level, message, fields });
  };
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
}

function newSender(change: Partial<TransactionSenderOptions> = {}): TransactionSender {
  const sender = createTransactionSender({
    client,
    heads,
    signer: { address: ACCOUNT, signTransaction: (transaction) => PAYER.signTransaction(transaction) },
    logger: recorder(),
    bumpPercent: 20,
    bumpAfterBlocks: 3,
    ...change,
  });
  closing.push(sender);
  return sender;
}

/** A result's way on chain, as the aggregator goes it, with every form that was signed. */
function task(sender: TransactionSender, subject: string, change: Partial<SubmitOptions> = {}) {
  const signed: SignedTransaction[] = [];
  const waiter = {
    onSigned: async (transaction: SignedTransaction) => {
      signed.push(transaction);
    },
  };
  const settled: Promise<SubmitOutcome> = submit(
    {
      createdAtSeconds: 0,
      chainTime,
      status: async () => TaskStatus.created,
      awaitEarlier: async () => undefined,
      ready: (signal, onWait) => sender.ready(signal, onWait),
      turn: async () => () => undefined,
      simulate: () => sender.simulate(CALL),
      send: async (gas, signal) => {
        const receipt = await sender.send({ ...CALL, ...waiter, subject, gas }, signal);
        return { ...receipt, succeeded: receipt.status === 'succeeded' };
      },
      verifierRefusal: async () => undefined,
      onHookRevert: () => undefined,
      onRetry: () => undefined,
      ...change,
    },
    stop.signal,
  );
  let isSettled = false;
  const settling = settled.finally(() => {
    isSettled = true;
  });
  settling.catch(() => undefined);
  return { settled, signed, isSettled: () => isSettled };
}

async function mine(baseFee?: string) {
  if (baseFee !== undefined) await anvil.rpc('anvil_setNextBlockBaseFeePerGas', baseFee);
  await anvil.rpc('evm_mine');
  heads.update(await client.head());
}

/** Waits, without sleeping, until something has happened on the other side of the RPC. */
async function until(condition: () => boolean | Promise<boolean>) {
  while (!(await condition())) await client.head();
}

/** Mines, and lets whoever waits for a head do its work. */
async function mineAndLook(baseFee?: string) {
  await mine(baseFee);
  for (let look = 0; look < 12; look++) await client.head();
}

async function mineUntil(condition: () => boolean, baseFee?: string) {
  while (!condition()) await mineAndLook(baseFee);
}

const pooled = async () => Number((await anvil.rpc<{ pending: Hex }>('txpool_status')).pending);
const minedCount = async () => Number(await anvil.rpc('eth_getTransactionCount', ACCOUNT, 'latest'));
const results = async () =>
  (await anvil.rpc<unknown[]>('eth_getLogs', { fromBlock: '0x0', address: LOG_EMITTER })).length;
const count = (level: string, message: RegExp) =>
  lines.filter((line) => line.level === level && message.test(line.message)).length;

describe('one account for all AVSs (threat 14)', () => {
  test('default: results of five AVSs at once get one nonce each, none twice and none left out', async () => {
    const sender = newSender();
    const estimate = await sender.simulate(CALL);
    const tasks = Array.from({ length: 40 }, (_, n) => task(sender, `AVS ${n % 5}, task ${n}`));
    await until(async () => (await pooled()) === 40);
    await mine();
    for (const { settled } of tasks) expect((await settled).kind).toBe('verified');
    const nonces = tasks.flatMap(({ signed }) => signed.map(({ nonce }) => nonce));
    const gasLimits = new Set(tasks.flatMap(({ signed }) => signed.map(({ gasLimit }) => gasLimit)));
    expect(gasLimits).toEqual(new Set([(estimate * 125n) / 100n]));
    expect(nonces.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => n));
    expect([await minedCount(), await results()]).toEqual([40, 40]);
    expect(proxy.requests('eth_sendRawTransaction')).toBe(40);
  });
});

describe('a transaction that is not mined (threat 14)', () => {
  test('behavior: dropped from the pool it is sent again as it was, before it is due for higher fees', async () => {
    const { settled, signed } = task(newSender({ bumpAfterBlocks: 100 }), 'dropped');
    await until(async () => (await pooled()) === 1);
    await anvil.rpc('anvil_dropTransaction', signed[0]?.hash);
    await mine();
    await mine();
    await until(async () => (await pooled()) === 1);
    await mine();
    expect(await settled).toMatchObject({ kind: 'verified', transaction: { hash: signed[0]?.hash } });
    expect(signed).toHaveLength(1);
  });

  test('behavior: all that a node has forgotten when it started anew is sent again at once', async () => {
    const sender = newSender({ bumpAfterBlocks: 100 });
    const tasks = [0, 1, 2].map((n) => task(sender, `forgotten ${n}`));
    await until(async () => (await pooled()) === 3);
    await anvil.rpc('anvil_dropAllTransactions');
    await mine();
    await mine();
    await until(async () => (await pooled()) === 3);
    await mine();
    for (const { settled } of tasks) expect((await settled).kind).toBe('verified');
    expect(await results()).toBe(3);
  });

  test('behavior: at the cap it waits, told once, and is mined when the base fee falls', async () => {
    const sender = newSender({ maxFeeGwei: 3, bumpAfterBlocks: 1 });
    const { settled, signed, isSettled } = task(sender, 'capped');
    await until(async () => (await pooled()) === 1);
    for (let block = 0; block < 6; block++) {
      const checks = proxy.requests('eth_getTransactionCount');
      await mine(DEAR);
      await until(() => proxy.requests('eth_getTransactionCount') > checks);
    }
    expect(signed).toHaveLength(1);
    await mineUntil(isSettled, CHEAP);
    expect((await settled).kind).toBe('verified');
    expect(signed).toHaveLength(1);
    expect(count('warn', /fees are as high as is allowed/)).toBe(1);
    // This chain's pool drops what a block could not take, and refuses it while it still cannot.
    expect(count('warn', /was not accepted/)).toBeLessThanOrEqual(1);
  });

  test('behavior: the receipt is found of whichever form was mined', async () => {
    const { settled, signed } = task(newSender(), 'two forms');
    await until(async () => (await pooled()) === 1);
    // The endpoint says that it has taken the replacement, and has not.
    const swallow = proxy.set(async ({ params }) => ({ result: hashOf(params[0], signed) }), SEND);
    for (let block = 0; block < 3; block++) await mine(DEAR);
    await until(() => signed.length > 1 && swallow.hits > 0);
    await anvil.rpc('anvil_setNextBlockBaseFeePerGas', CHEAP);
    await anvil.rpc('evm_mine');
    await anvil.rpc('eth_sendRawTransaction', signed[0]?.raw);
    await mine(CHEAP);
    expect(await settled).toMatchObject({ kind: 'verified', transaction: { hash: signed[0]?.hash } });
    expect([await minedCount(), await results()]).toEqual([1, 1]);
  });

  test("behavior: a nonce that another program's transaction took costs nothing but a new one", async () => {
    const { settled, signed, isSettled } = task(newSender({ bumpAfterBlocks: 100 }), 'taken');
    await until(async () => (await pooled()) === 1);
    await anvil.rpc('anvil_dropTransaction', signed[0]?.hash);
    await anvil.rpc('eth_sendTransaction', { from: ACCOUNT, to: ACCOUNT, nonce: '0x0', gas: '0x5208' });
    await mineUntil(isSettled);
    expect((await settled).kind).toBe('verified');
    expect(signed.map(({ nonce }) => nonce)).toEqual([0, 1]);
    expect([await minedCount(), await results()]).toEqual([2, 1]);
  });

  test('behavior: withdrawn, when the task is over, for less than its call would cost', async () => {
    let status: number = TaskStatus.created;
    const sender = newSender();
    const needed = async () => status === TaskStatus.created;
    const { settled, isSettled } = task(sender, 'withdrawn', {
      status: async () => status,
      simulate: async () => {
        if (status === TaskStatus.verified) throw revertedError(ALREADY_VERIFIED);
        return 100_000n;
      },
      send: async (gas, signal) => {
        const request = { ...CALL, subject: 'withdrawn', gas, isNeeded: needed };
        const receipt = await sender.send(request, signal);
        return { ...receipt, succeeded: receipt.status === 'succeeded' };
      },
    });
    await until(async () => (await pooled()) === 1);
    for (let block = 0; block < 2; block++) await mine(DEAR);
    status = TaskStatus.verified;
    await mineUntil(isSettled, DEAR);
    expect(await settled).toEqual({ kind: 'completed elsewhere' });
    expect([await minedCount(), await results(), await pooled()]).toEqual([1, 0, 0]);
    expect(count('info', /not needed any more is replaced by an empty one/)).toBeGreaterThan(0);
  });
});

describe('an account that cannot pay (threat 14)', () => {
  const balance = (wei: string) => anvil.rpc('anvil_setBalance', ACCOUNT, wei);

  test('default: results wait, one alert, a reminder an hour later, and all go when funds arrive', async () => {
    await balance('0x0');
    const sender = newSender();
    const tasks = Array.from({ length: 5 }, (_, n) => task(sender, `dry ${n}`));
    await until(() => count('error', /is dry/) === 1);
    await mine();
    await until(() => proxy.requests('eth_getBalance') > 1);
    const attempts = proxy.requests('eth_sendRawTransaction');
    for (let block = 0; block < 4; block++) {
      const looks = proxy.requests('eth_getBalance');
      await mine();
      await until(() => proxy.requests('eth_getBalance') > looks);
    }
    expect(proxy.requests('eth_sendRawTransaction')).toBe(attempts);
    expect(lines.find(({ level }) => level === 'error')?.fields).toMatchObject({
      balanceEth: '0.0',
      neededEth: expect.stringMatching(/^0\.000\d+$/),
    });
    expect(lines.filter(({ level }) => level === 'error' || level === 'warn')).toHaveLength(1);
    await anvil.rpc('evm_increaseTime', 3_600);
    await mine();
    await until(() => count('error', /still dry/) === 1);

    await balance('0xde0b6b3a7640000');
    await mineUntil(() => tasks.every(({ isSettled }) => isSettled()));
    for (const { settled } of tasks) expect((await settled).kind).toBe('verified');
    expect([await minedCount(), await results()]).toEqual([5, 5]);
    expect(count('info', /can pay for results again/)).toBe(1);
  });

  test('behavior: enough by our count and refused still, as for the L1 fee of an OP chain, it is tried a block apart', async () => {
    const message =
      'insufficient funds for gas * price + value + rollup cost: balance 5, tx cost 4, overshot 1';
    const refusing = proxy.set(rpcError(-32000, message), SEND);
    const sender = newSender();
    const tasks = [0, 1, 2, 3].map((n) => task(sender, `refused ${n}`));
    await until(() => refusing.hits === 4);
    const blocks = 8;
    for (let block = 0; block < blocks; block++) await mineAndLook();
    expect(refusing.hits).toBeGreaterThan(4);
    expect(refusing.hits).toBeLessThanOrEqual(4 + blocks);
    refusing.end();
    await mineUntil(() => tasks.every(({ isSettled }) => isSettled()));
    expect(count('error', /is dry/)).toBe(1);
    expect(await results()).toBe(4);
  });

  test('behavior: what the account could not pay at high fees goes when they fall, without new funds', async () => {
    await balance('0xe35fa931a0000'); // 0.004 ether
    await mine(DEAR);
    const { settled, isSettled } = task(newSender(), 'fees fall');
    await until(() => count('error', /is dry/) === 1);
    for (let block = 0; block < 3; block++) await mineAndLook(DEAR);
    expect([isSettled(), proxy.requests('eth_sendRawTransaction')]).toEqual([false, 1]);
    await mineUntil(isSettled, CHEAP);
    expect((await settled).kind).toBe('verified');
    expect(count('error', /dry/)).toBe(1);
  });

  test('behavior: a transaction that waits and is known to the node does not end the alert', async () => {
    const sender = newSender({ bumpAfterBlocks: 1, maxFeeGwei: 3 });
    const waiting = task(sender, 'waits');
    await until(async () => (await pooled()) === 1);
    await balance('0x0');
    const { isSettled } = task(sender, 'dry');
    await until(() => count('error', /is dry/) === 1);
    proxy.set(rpcError(-32000, 'already known'), SEND);
    for (let block = 0; block < 4; block++) await mineAndLook(DEAR);
    expect(count('info', /can pay for results again/)).toBe(0);
    expect(count('error', /dry/)).toBe(1);
    proxy.heal();
    await balance('0xde0b6b3a7640000');
    await mineUntil(() => isSettled() && waiting.isSettled(), CHEAP);
    expect(await results()).toBe(2);
  });

  test('behavior: above the cap nothing is sent, told once, and all goes when the base fee falls', async () => {
    await mine(DEAR);
    const sender = newSender({ maxFeeGwei: 20 });
    const tasks = [0, 1, 2].map((n) => task(sender, `capped ${n}`));
    for (let block = 0; block < 3; block++) await mine(DEAR);
    expect(proxy.requests('eth_sendRawTransaction')).toBe(0);
    expect(proxy.requests('eth_estimateGas')).toBe(0);
    await mineUntil(() => tasks.every(({ isSettled }) => isSettled()), CHEAP);
    expect(await results()).toBe(3);
    expect(lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([
      expect.stringMatching(/base fee is above maxFeeGwei/),
    ]);
  });
});

describe('an endpoint that refuses a transaction (threat 14)', () => {
  test.each([
    ['nonce too low: next nonce 1, tx nonce 0'],
    ['replacement transaction underpriced'],
    ['already known'],
    ['intrinsic gas too low: gas 20000, minimum needed 21000'],
    ['max fee per gas less than block base fee: maxFeePerGas: 1, baseFee: 7'],
    ['transaction underpriced: gas tip cap 0, minimum needed 1'],
    ['txpool is full'],
    ['tx fee (1.20 ether) exceeds the configured cap (1.00 ether)'],
    ['nonce too high: tx: 9 state: 2'],
    ['insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1'],
  ])('behavior: after "%s", which is not even so, the result comes on chain once', async (message) => {
    const fault = proxy.set(rpcError(-32000, message), { ...SEND, times: 1 });
    const { settled, isSettled } = task(newSender(), 'refused');
    await until(() => fault.hits === 1);
    await mineUntil(isSettled);
    expect((await settled).kind).toBe('verified');
    expect(await results()).toBe(1);
  });
});

describe('a chain from before EIP-1559', () => {
  test('error: is refused with the reason', async () => {
    const old = await startAnvil({ chainId: 31_337, args: ['--hardfork', 'berlin'] });
    const oldClient = createChainClient({
      chainId: chainId(31_337),
      name: 'old',
      rpcUrls: [old.url],
      clock: systemClock,
      logger: silentLogger,
    });
    closing.push(oldClient, old);
    const head = await oldClient.head();
    expect(() => requireBaseFee(head, 'old')).toThrow(/no base fee/);
    expect(() => requireBaseFee(head, 'old')).toThrow(expect.objectContaining({ code: 'NOT_BUILT_YET' }));
  });
});

/** The hash of a raw transaction that was signed here. */
function hashOf(raw: unknown, signed: readonly SignedTransaction[]): unknown {
  return signed.find((transaction) => transaction.raw === raw)?.hash;
}
