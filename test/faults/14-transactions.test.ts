/** Threat 14 on the way of a transaction: a real chain behind an endpoint that refuses, forgets and swallows. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { chainId, parseHex } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { createChainClient } from '../../src/chain/client.js';
import { revertedError } from '../../src/chain/contracts/errors.js';
import { requireBaseFee } from '../../src/chain/fee-quotes.js';
import type { SignedTransaction } from '../../src/chain/transaction.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { startAnvil } from '../support/anvil.js';
import { rpcError } from '../support/fault-proxy-faults.js';
import { ACCOUNT, CALL, openSenderWorld, SEND, type SenderWorld } from '../support/sender-world.js';
import { untilTrue } from '../support/until.js';

const DEAR = '0x174876e800'; // 100 gwei
const CHEAP = '0x3b9aca00'; // 1 gwei
const ALREADY_VERIFIED = parseHex(`0x81236312${'1'.padStart(64, '0')}${'2'.padStart(64, '0')}`);

let world: SenderWorld;
beforeEach(async () => {
  world = await openSenderWorld();
});
afterEach(() => world.close());

describe('one account for all AVSs (threat 14)', () => {
  test('default: results of five AVSs at once get one nonce each, none twice and none left out', async () => {
    const sender = world.newSender();
    const estimate = await sender.simulate(CALL);
    const tasks = Array.from({ length: 40 }, (_, n) => world.task(sender, `AVS ${n % 5}, task ${n}`));
    await world.sent(...tasks);
    await world.mine();
    for (const { settled } of tasks) expect((await settled).kind).toBe('verified');
    const nonces = tasks.flatMap(({ signed }) => signed.map(({ nonce }) => nonce));
    const gasLimits = new Set(tasks.flatMap(({ signed }) => signed.map(({ gasLimit }) => gasLimit)));
    expect(gasLimits).toEqual(new Set([(estimate * 125n) / 100n]));
    expect(nonces.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => n));
    expect([await world.minedCount(), await world.results()]).toEqual([40, 40]);
    expect(world.proxy.requests('eth_sendRawTransaction')).toBe(40);
  });
});

describe('a transaction that is not mined (threat 14)', () => {
  test('behavior: dropped from the pool it is sent again as it was, before it is due for higher fees', async () => {
    const dropped = world.task(world.newSender({ bumpAfterBlocks: 100 }), 'dropped');
    const { settled, signed } = dropped;
    await world.sent(dropped);
    await world.anvil.rpc('anvil_dropTransaction', signed[0]?.hash);
    await world.mine();
    await world.mine();
    await untilTrue(async () => (await world.pooled()) === 1);
    await world.mine();
    expect(await settled).toMatchObject({ kind: 'verified', transaction: { hash: signed[0]?.hash } });
    expect(signed).toHaveLength(1);
  });

  test('behavior: all that a node has forgotten when it started anew is sent again at once', async () => {
    const sender = world.newSender({ bumpAfterBlocks: 100 });
    const tasks = [0, 1, 2].map((n) => world.task(sender, `forgotten ${n}`));
    await world.sent(...tasks);
    await world.anvil.rpc('anvil_dropAllTransactions');
    await world.mine();
    await world.mine();
    await untilTrue(async () => (await world.pooled()) === 3);
    await world.mine();
    for (const { settled } of tasks) expect((await settled).kind).toBe('verified');
    expect(await world.results()).toBe(3);
  });

  test('behavior: at the cap it waits, told once, and is mined when the base fee falls', async () => {
    const sender = world.newSender({ maxFeeGwei: 3, bumpAfterBlocks: 1 });
    const capped = world.task(sender, 'capped');
    const { settled, signed, isSettled } = capped;
    await world.sent(capped);
    for (let block = 0; block < 6; block++) {
      const checks = world.proxy.requests('eth_getTransactionCount');
      await world.mine(DEAR);
      await untilTrue(() => world.proxy.requests('eth_getTransactionCount') > checks);
    }
    expect(signed).toHaveLength(1);
    await world.mineUntil(isSettled, CHEAP);
    expect((await settled).kind).toBe('verified');
    expect(signed).toHaveLength(1);
    expect(world.count('warn', /fees are as high as is allowed/)).toBe(1);
    // This chain's pool drops what a block could not take, and refuses it while it still cannot.
    expect(world.count('warn', /was not accepted/)).toBeLessThanOrEqual(1);
  });

  test('behavior: the receipt is found of whichever form was mined', async () => {
    const task = world.task(world.newSender(), 'two forms');
    const { settled, signed } = task;
    await world.sent(task);
    // The endpoint says that it has taken the replacement, and has not.
    const swallow = world.proxy.set(async ({ params }) => ({ result: hashOf(params[0], signed) }), SEND);
    for (let block = 0; block < 3; block++) await world.mine(DEAR);
    await untilTrue(() => signed.length > 1 && swallow.hits > 0);
    await world.anvil.rpc('anvil_setNextBlockBaseFeePerGas', CHEAP);
    await world.anvil.rpc('evm_mine');
    await world.anvil.rpc('eth_sendRawTransaction', signed[0]?.raw);
    await world.mine(CHEAP);
    expect(await settled).toMatchObject({ kind: 'verified', transaction: { hash: signed[0]?.hash } });
    expect([await world.minedCount(), await world.results()]).toEqual([1, 1]);
  });

  test("behavior: a nonce that another program's transaction took costs nothing but a new one", async () => {
    const taken = world.task(world.newSender({ bumpAfterBlocks: 100 }), 'taken');
    const { settled, signed, isSettled } = taken;
    await world.sent(taken);
    await world.anvil.rpc('anvil_dropTransaction', signed[0]?.hash);
    await world.anvil.rpc('eth_sendTransaction', { from: ACCOUNT, to: ACCOUNT, nonce: '0x0', gas: '0x5208' });
    await world.mineUntil(isSettled);
    expect((await settled).kind).toBe('verified');
    expect(signed.map(({ nonce }) => nonce)).toEqual([0, 1]);
    expect([await world.minedCount(), await world.results()]).toEqual([2, 1]);
  });

  test('behavior: withdrawn, when the task is over, for less than its call would cost', async () => {
    let status: number = TaskStatus.created;
    const change = {
      status: async () => status,
      simulate: async () => {
        if (status === TaskStatus.verified) throw revertedError(ALREADY_VERIFIED);
        return 100_000n;
      },
    };
    const isNeeded = async () => status === TaskStatus.created;
    const withdrawn = world.task(world.newSender(), 'withdrawn', change, { isNeeded });
    const { settled, isSettled } = withdrawn;
    await world.sent(withdrawn);
    for (let block = 0; block < 2; block++) await world.mine(DEAR);
    status = TaskStatus.verified;
    await world.mineUntil(isSettled, DEAR);
    expect(await settled).toEqual({ kind: 'completed elsewhere' });
    expect([await world.minedCount(), await world.results(), await world.pooled()]).toEqual([1, 0, 0]);
    expect(world.count('info', /not needed any more is replaced by an empty one/)).toBeGreaterThan(0);
  });
});

describe('an account that cannot pay (threat 14)', () => {
  const balance = (wei: string) => world.anvil.rpc('anvil_setBalance', ACCOUNT, wei);

  test('default: results wait, one alert, a reminder an hour later, and all go when funds arrive', async () => {
    await balance('0x0');
    const sender = world.newSender();
    const tasks = Array.from({ length: 5 }, (_, n) => world.task(sender, `dry ${n}`));
    await untilTrue(() => world.count('error', /is dry/) === 1);
    // A head that comes while those who wait look, or while one of them tries, is no occasion: then the next one is.
    const mineUntil = (holds: () => boolean) =>
      untilTrue(async () => {
        await world.mine();
        return holds();
      });
    // The first look at the balance is for the alert, the second one by those that wait.
    await mineUntil(() => world.proxy.requests('eth_getBalance') > 1);
    const attempts = world.proxy.requests('eth_sendRawTransaction');
    for (let block = 0; block < 4; block++) {
      const looks = world.proxy.requests('eth_getBalance');
      await mineUntil(() => world.proxy.requests('eth_getBalance') > looks);
    }
    expect(world.proxy.requests('eth_sendRawTransaction')).toBe(attempts);
    expect(world.lines.find(({ level }) => level === 'error')?.fields).toMatchObject({
      balanceEth: '0.0',
      neededEth: expect.stringMatching(/^0\.000\d+$/),
    });
    expect(world.lines.filter(({ level }) => level === 'error' || level === 'warn')).toHaveLength(1);
    await world.anvil.rpc('evm_increaseTime', 3_600);
    await mineUntil(() => world.count('error', /still dry/) === 1);

    await balance('0xde0b6b3a7640000');
    await world.mineUntil(() => tasks.every(({ isSettled }) => isSettled()));
    for (const { settled } of tasks) expect((await settled).kind).toBe('verified');
    expect([await world.minedCount(), await world.results()]).toEqual([5, 5]);
    expect(world.count('info', /can pay for results again/)).toBe(1);
  });

  test('behavior: enough by our count and refused still, as for the L1 fee of an OP chain, it is tried a block apart', async () => {
    const message =
      'insufficient funds for gas * price + value + rollup cost: balance 5, tx cost 4, overshot 1';
    const refusing = world.proxy.set(rpcError(-32000, message), SEND);
    const sender = world.newSender();
    const tasks = [0, 1, 2, 3].map((n) => world.task(sender, `refused ${n}`));
    await untilTrue(() => refusing.hits === 4);
    const blocks = 8;
    for (let block = 0; block < blocks; block++) await world.mineAndLook();
    expect(refusing.hits).toBeGreaterThan(4);
    expect(refusing.hits).toBeLessThanOrEqual(4 + blocks);
    refusing.end();
    await world.mineUntil(() => tasks.every(({ isSettled }) => isSettled()));
    expect(world.count('error', /is dry/)).toBe(1);
    expect(await world.results()).toBe(4);
  });

  test('behavior: what the account could not pay at high fees goes when they fall, without new funds', async () => {
    await balance('0xe35fa931a0000'); // 0.004 ether
    await world.mine(DEAR);
    const { settled, isSettled } = world.task(world.newSender(), 'fees fall');
    await untilTrue(() => world.count('error', /is dry/) === 1);
    for (let block = 0; block < 3; block++) await world.mineAndLook(DEAR);
    expect([isSettled(), world.proxy.requests('eth_sendRawTransaction')]).toEqual([false, 1]);
    await world.mineUntil(isSettled, CHEAP);
    expect((await settled).kind).toBe('verified');
    expect(world.count('error', /dry/)).toBe(1);
  });

  test('behavior: a transaction that waits and is known to the node does not end the alert', async () => {
    const sender = world.newSender({ bumpAfterBlocks: 1, maxFeeGwei: 3 });
    const waiting = world.task(sender, 'waits');
    await world.sent(waiting);
    await balance('0x0');
    const { isSettled } = world.task(sender, 'dry');
    await untilTrue(() => world.count('error', /is dry/) === 1);
    world.proxy.set(rpcError(-32000, 'already known'), SEND);
    for (let block = 0; block < 4; block++) await world.mineAndLook(DEAR);
    expect(world.count('info', /can pay for results again/)).toBe(0);
    expect(world.count('error', /dry/)).toBe(1);
    world.proxy.heal();
    await balance('0xde0b6b3a7640000');
    await world.mineUntil(() => isSettled() && waiting.isSettled(), CHEAP);
    expect(await world.results()).toBe(2);
  });

  test('behavior: above the cap nothing is sent, told once, and all goes when the base fee falls', async () => {
    await world.mine(DEAR);
    const sender = world.newSender({ maxFeeGwei: 20 });
    const tasks = [0, 1, 2].map((n) => world.task(sender, `capped ${n}`));
    for (let block = 0; block < 3; block++) await world.mine(DEAR);
    expect(world.proxy.requests('eth_sendRawTransaction')).toBe(0);
    expect(world.proxy.requests('eth_estimateGas')).toBe(0);
    await world.mineUntil(() => tasks.every(({ isSettled }) => isSettled()), CHEAP);
    expect(await world.results()).toBe(3);
    expect(world.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual([
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
    const fault = world.proxy.set(rpcError(-32000, message), { ...SEND, times: 1 });
    const { settled, isSettled } = world.task(world.newSender(), 'refused');
    await untilTrue(() => fault.hits === 1);
    await world.mineUntil(isSettled);
    expect((await settled).kind).toBe('verified');
    expect(await world.results()).toBe(1);
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
    const head = await oldClient.head().finally(async () => {
      await oldClient.close();
      await old.close();
    });
    expect(() => requireBaseFee(head, 'old')).toThrow(/no base fee/);
    expect(() => requireBaseFee(head, 'old')).toThrow(expect.objectContaining({ code: 'NOT_BUILT_YET' }));
  });
});

/** The hash of a raw transaction that was signed here. */
function hashOf(raw: unknown, signed: readonly SignedTransaction[]): unknown {
  return signed.find((transaction) => transaction.raw === raw)?.hash;
}
