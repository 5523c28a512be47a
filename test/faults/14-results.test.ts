/** Threat 14 as a whole aggregator meets it: a dry account, a hook with the contracts' words, and somebody faster. */

import { afterEach, describe, expect, test } from '@jest/globals';
import { Transaction } from 'ethers';
import type { Address, Hash32 } from '../../src/base/brands.js';
import type { TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import { coreAddresses } from '../../src/config/known-chains.js';
import type { ChainConfig } from '../../src/config/types.js';
import { TASK_HOOK_ADDRESS } from '../../src/devnet/plan.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { BN254_SET, ECDSA_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { answerNull, hold } from '../support/fault-proxy-faults.js';
import { stopMining } from '../support/stop-mining.js';
import { until } from '../support/until.js';

const stage = aggregatorStage();
const rpc = <T = unknown>(method: string, ...params: unknown[]) =>
  stage.world.client(L1).request(method, params) as Promise<T>;
const payer = () => stage.world.cast.aggregator.address;
const paid = async () => Number(await rpc('eth_getTransactionCount', payer(), 'latest'));
const linesOf = (message: RegExp, level?: string) =>
  stage.world.log.filter((line) => message.test(line.message) && (level ?? line.level) === line.level);

/** Code that reverts with these four bytes, whatever it is asked. */
const reverting = (selector: string) => `0x63${selector}60e01b60005260046000fd`;
const VERIFICATION_FAILED = '439cc0cd';
const CERTIFICATE_STALE = 'c81f9ad6';
const DEAR = '0x174876e800';

const codes = new Map<Address, string>();
async function replaceCode(address: Address, code: string) {
  if (!codes.has(address)) codes.set(address, await rpc<string>('eth_getCode', address, 'latest'));
  await rpc('anvil_setCode', address, code);
}
async function restoreCodes() {
  for (const [address, code] of codes) await rpc('anvil_setCode', address, code);
  codes.clear();
}
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
  await rpc('evm_setIntervalMining', 1);
  await restoreCodes();
});

/** Executors answer when it is opened. */
function gate(): Deferred<void> {
  const opened = deferred();
  for (const executor of stage.world.executors) {
    executor.answer = async (submission) => {
      await opened.promise;
      return executor.honest(submission);
    };
  }
  return opened;
}

/** An account's transactions in the blocks after this one. */
async function sentSince(block: number, account: Address) {
  const sent: { readonly from: string; readonly input: string }[] = [];
  const { number: head } = await stage.world.client(L1).head();
  for (let number = block + 1; number <= head; number++) {
    const at = `0x${number.toString(16)}`;
    const { transactions } = await rpc<{ transactions: typeof sent }>('eth_getBlockByNumber', at, true);
    sent.push(...transactions.filter(({ from }) => from === account));
  }
  return sent;
}

async function verified(task: TaskCreatedEvent) {
  await stage.world.verifiedAt(L1, task);
  return stage.logged(task, 'task verified');
}

describe('an account that runs dry (threat 14)', () => {
  test('default: its results wait behind one alert, and come on chain when it is filled, without a restart', async () => {
    const before = await paid();
    await rpc('anvil_setBalance', payer(), '0x0');
    await stage.start();
    const tasks = await stage.world.createTasks(L1, BN254_SET, ['dry 1', 'dry 2', 'dry 3']);
    const alert = await stage.world.logged(({ level, message }) => level === 'error' && /dry/.test(message));
    expect(alert.fields).toMatchObject({ account: payer(), chainId: L1, balanceEth: '0.0' });
    expect(Number(alert.fields.neededEth)).toBeGreaterThan(0);
    for (const task of tasks) await stage.logged(task, 'task threshold met');
    await rpc('anvil_setBalance', payer(), '0xde0b6b3a7640000');
    for (const task of tasks) await verified(task);
    expect(linesOf(/dry/, 'error')).toHaveLength(1);
    expect(linesOf(/cannot be submitted/)).toEqual([]);
    expect(await paid()).toBe(before + 3);
  }, 60_000);
});

/** An aggregator that reaches L1 through it. */
async function startBehindProxy(): Promise<FaultProxy> {
  const upstream = stage.world.state.chains.find(({ chainId }) => chainId === L1)?.url ?? '';
  const proxy = await startFaultProxy([upstream]);
  closers.push(() => proxy.close());
  const behind = (chain: ChainConfig) => (chain.chainId === L1 ? { ...chain, rpcUrls: [proxy.url] } : chain);
  await stage.start({ change: (config) => ({ ...config, chains: config.chains.map(behind) }) });
  return proxy;
}

describe('an endpoint that does not know the receipt of a result for some blocks (threat 14)', () => {
  test('default: the result is found to be ours after all, and what it has cost is told', async () => {
    const proxy = await startBehindProxy();
    const before = await paid();
    const unknowing = proxy.set(answerNull, { methods: ['eth_getTransactionReceipt'] });
    const task = await stage.createTask(L1, BN254_SET, 'late receipt');
    const { fields } = await stage.logged(task, 'the result cannot be submitted now, trying again');
    // Nobody is to look for a second node before it is known that it was not ours.
    expect(fields.error).toMatchObject({
      code: 'TRANSACTION_STUCK',
      message: expect.stringContaining('no endpoint has a receipt of ours'),
      advice: expect.stringContaining('an endpoint is late'),
    });
    unknowing.end();
    const settled = await stage.logged(task, 'task verified');
    expect(Number(settled.fields.costEth)).toBeGreaterThan(0);
    expect(await paid()).toBe(before + 1);
  }, 60_000);
});

describe('an endpoint that has taken a result and says that it has not (threat 14)', () => {
  test('default: the next attempt finds it in the pool, and pays for no second one', async () => {
    const opened = gate();
    const proxy = await startBehindProxy();
    const before = await paid();
    const task = await stage.createTask(L1, BN254_SET, 'said to be refused');
    await stage.logged(task, 'task sent');
    await stopMining(stage.world.client(L1));
    const { timestampSeconds } = await stage.world.client(L1).head();
    await rpc('evm_setNextBlockTimestamp', timestampSeconds + 1);
    await rpc('evm_mine');
    let raw: unknown;
    proxy.set(
      async (request, pass) => {
        [raw] = request.params;
        await pass(request);
        return { error: { code: -32000, message: 'tx fee exceeds the configured cap' } };
      },
      { methods: ['eth_sendRawTransaction'], times: 1 },
    );
    // Asked at once, another server behind the same URL does not have it yet.
    proxy.set(async () => ({ result: null }), { methods: ['eth_getTransactionByHash'], times: 1 });
    opened.resolve();
    await stage.logged(task, 'the result cannot be submitted now, trying again');
    // A block without it is the occasion for the next attempt; it waits in the pool as before when that block is seen.
    const held = hold();
    const looking = proxy.set(held.fault, { methods: ['eth_getBlockByNumber'] });
    await rpc('anvil_dropTransaction', Transaction.from(String(raw)).hash);
    await rpc('evm_mine');
    await rpc('eth_sendRawTransaction', raw);
    const attempted = () =>
      proxy.requests('eth_getTransactionByHash') + proxy.requests('eth_sendRawTransaction') > 2;
    expect(attempted()).toBe(false);
    looking.end();
    held.release();
    await until('the transaction was looked for or sent again', async () => {
      await stage.world.client(L1).head();
      return attempted();
    });
    await rpc('evm_setIntervalMining', 1);
    await stage.logged(task, 'task verified');
    expect([await paid(), proxy.requests('eth_sendRawTransaction')]).toEqual([before + 1, 1]);
  }, 60_000);
});

describe('what a result costs', () => {
  test('default: is told when it is submitted, and when it is mined', async () => {
    // The heaviest: the threshold takes all of the others, and with any other one two of them could be enough.
    const silent = stage.executor(0);
    silent.answer = () => new Promise(() => undefined);
    await stage.start();
    const task = await stage.createTask(L1, BN254_SET, 'costs');
    const { fields } = await verified(task);
    const submitted = await stage.logged(task, 'task submitted');
    expect(submitted.fields).toMatchObject({ transaction: fields.transaction, nonSigners: 1 });
    expect(Number(fields.gasUsed)).toBeGreaterThan(100_000);
    expect(Number(fields.gasUsed)).toBeLessThanOrEqual(Number(submitted.fields.gasLimit));
    expect(Number(fields.costEth)).toBeGreaterThan(0);
    expect(Number(fields.costEth)).toBeLessThanOrEqual(Number(submitted.fields.maxCostEth));
    const receipt = await rpc<Record<string, string>>('eth_getTransactionReceipt', fields.transaction);
    expect(BigInt(receipt.gasUsed ?? 0)).toBe(fields.gasUsed);
  }, 60_000);
});

describe('a hook that refuses (threat 14)', () => {
  test.each([
    ['BN254', BN254_SET],
    ['ECDSA', ECDSA_SET],
  ])(
    "default: with a word of the contracts' own it is asked anew each block until it agrees (%s)",
    async (_curve, set) => {
      const opened = gate();
      await stage.start();
      const before = await paid();
      const task = await stage.createTask(L1, set, `hooked ${set}`);
      await replaceCode(TASK_HOOK_ADDRESS, reverting(VERIFICATION_FAILED));
      opened.resolve();
      const { fields } = await stage.logged(task, "the AVS's hook refuses the result");
      expect(fields.error).toMatchObject({
        facts: {
          error: 'VerificationFailed',
          selector: `0x${VERIFICATION_FAILED}`,
          data: `0x${VERIFICATION_FAILED}`,
        },
      });
      const { number } = await stage.world.client(L1).head();
      await until(
        'two more blocks were mined',
        async () => (await stage.world.client(L1).head()).number >= number + 2,
      );
      expect(await stage.world.status(L1, task)).toBe(TaskStatus.created);
      expect(await paid()).toBe(before);
      await restoreCodes();
      await verified(task);
      expect(linesOf(/hook refuses/)).toHaveLength(1);
    },
    60_000,
  );
});

describe('somebody faster (threat 14)', () => {
  test('default: the task is completed, and a transaction that waits is withdrawn for less than it would cost', async () => {
    const opened = gate();
    await stage.start();
    const before = await paid();
    const { number } = await stage.world.client(L1).head();
    const task = await stage.createTask(L1, BN254_SET, 'faster');
    await stage.logged(task, 'task sent');
    await stopMining(stage.world.client(L1));
    const { timestampSeconds } = await stage.world.client(L1).head();
    await rpc('evm_setNextBlockTimestamp', timestampSeconds + 1);
    await rpc('evm_mine');
    opened.resolve();
    const { fields } = await stage.logged(task, 'task submitted');
    const ours = await rpc<{ input: string; to: Address }>('eth_getTransactionByHash', fields.transaction);
    const other = stage.world.cast.user.address;
    await rpc('anvil_impersonateAccount', other);
    const theirs = await rpc<Hash32>('eth_sendTransaction', {
      ...{ from: other, to: ours.to, data: ours.input, gas: '0x4c4b40' },
      ...{ maxFeePerGas: '0xe8d4a51000', maxPriorityFeePerGas: '0x3b9aca00' },
    });
    await rpc('anvil_stopImpersonatingAccount', other);
    // Dear enough that ours has to wait.
    for (let block = 0; block < 3; block++) {
      await rpc('anvil_setNextBlockBaseFeePerGas', DEAR);
      await rpc('evm_mine');
    }
    expect(await rpc('eth_getTransactionReceipt', theirs)).toMatchObject({ status: '0x1' });
    await stage.world.logged(({ message }) => /replaced by an empty one/.test(message));
    await rpc('evm_setIntervalMining', 1);
    await stage.logged(task, 'task completed: its result was on chain already');
    expect(linesOf(/cannot be submitted/)).toEqual([]);
    expect(await paid()).toBe(before + 1);
    const own = await sentSince(number, payer());
    expect(own.map(({ input }) => input)).toEqual(['0x']);
  }, 60_000);
});

// Last, since aggregators that start later would take up again what these leave unsettled.
describe('contracts that refuse (threat 14)', () => {
  test.each([
    ['BN254', BN254_SET, 'bn254CertificateVerifier'],
    ['ECDSA', ECDSA_SET, 'ecdsaCertificateVerifier'],
  ] as const)(
    'error: what the %s verifier says when it is asked alone is final',
    async (_curve, set, verifier) => {
      const opened = gate();
      await stage.start();
      const task = await stage.createTask(L1, set, `stale ${set}`);
      await stage.logged(task, 'task sent');
      await replaceCode(coreAddresses(L1, stage.world.config)[verifier], reverting(CERTIFICATE_STALE));
      opened.resolve();
      const { fields } = await stage.logged(task, 'task failed');
      expect(fields.reason).toMatch(/the contracts refuse the result .*CertificateStale/);
    },
    60_000,
  );
});
