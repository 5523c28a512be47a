/** Threat 14 with many transactions on their way to a node at once: refused, lost and late ones among them. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Transaction } from 'ethers';
import { FairGate } from '../../src/aggregator/fair-gate.js';
import { type Address, chainId, parseAddress, parseHash32, parseTaskId } from '../../src/base/brands.js';
import { MOST_SENDING } from '../../src/chain/nonces.js';
import { type Deferred, deferred } from '../support/deferred.js';
import type { Fault } from '../support/fault-proxy.js';
import { hold, httpStatus } from '../support/fault-proxy-faults.js';
import {
  ACCOUNT,
  CALL,
  openSenderWorld,
  PAYER,
  SEND,
  type SenderWorld,
  type SentResult,
} from '../support/sender-world.js';
import { untilTrue } from '../support/until.js';

let world: SenderWorld;
beforeEach(async () => {
  world = await openSenderWorld();
});
afterEach(() => world.close());

const nonceOf = (raw: unknown) => Transaction.from(String(raw)).nonce;
const refusal = (message: string) => ({ error: { code: -32000, message } });
const CAPPED = 'tx fee (1.20 ether) exceeds the configured cap (1.00 ether)';
const UNFUNDED =
  'insufficient funds for gas * price + value: balance 5, queued cost 4, tx cost 2, overshot 1';

/** Refuses the first transaction with each of these nonces. */
function refuseOnce(nonces: readonly number[], message: string): Fault {
  const left = new Set(nonces);
  return async (request, pass) =>
    left.delete(nonceOf(request.params[0])) ? refusal(message) : pass(request);
}

/** Takes a transaction only when it has all those before it, as sequencers without a pool do. */
const inOrderOnly: Fault = async (request, pass) => {
  const counted = await pass({ ...request, method: 'eth_getTransactionCount', params: [ACCOUNT, 'pending'] });
  const next = 'result' in counted ? Number(counted.result) : 0;
  const nonce = nonceOf(request.params[0]);
  return nonce > next ? refusal(`nonce too high: tx: ${nonce} state: ${next}`) : pass(request);
};

const noncesOf = (tasks: readonly SentResult[]) =>
  tasks.flatMap(({ signed }) => signed.map(({ nonce }) => nonce));
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);
const tasksOf = (count: number, sender = world.newSender()) =>
  upTo(count).map((n) => world.task(sender, `task ${n}`, { simulate: async () => 100_000n }));
const allSettled = (tasks: readonly SentResult[]) => () => tasks.every(({ isSettled }) => isSettled());
const sends = () => world.proxy.requests('eth_sendRawTransaction');

describe('many results at once (threat 14)', () => {
  test('default: so many sends are open at once and no more, in the order in which they were asked for', async () => {
    const held = hold();
    world.proxy.set(held.fault, SEND);
    const tasks = tasksOf(3 * MOST_SENDING);
    await untilTrue(() => held.waiting === MOST_SENDING);
    for (let look = 0; look < 20; look++) await world.client.head();
    expect([held.waiting, sends()]).toEqual([MOST_SENDING, MOST_SENDING]);
    held.release();
    await world.sent(...tasks);
    await world.mine();
    for (const { settled } of tasks) expect((await settled).kind).toBe('verified');
    expect(noncesOf(tasks)).toEqual(upTo(tasks.length));
    expect(sends()).toBe(tasks.length);
  });

  test('behavior: while sends hang, everything else can be asked, and heads come', async () => {
    const held = hold();
    world.proxy.set(held.fault, SEND);
    const tasks = tasksOf(2 * MOST_SENDING);
    await untilTrue(() => held.waiting === MOST_SENDING);
    for (let block = 0; block < 3; block++) await world.mine();
    expect(await world.newSender().simulate(CALL)).toBeGreaterThan(0n);
    held.release();
    await world.mineUntil(allSettled(tasks));
  });

  test("behavior: one AVS's burst leaves room for the results of another", async () => {
    const avss = [parseAddress(`0x${'a1'.repeat(20)}`), parseAddress(`0x${'b2'.repeat(20)}`)] as const;
    const gate = new FairGate({ maxConcurrent: MOST_SENDING, avsCount: () => 2 });
    const sender = world.newSender();
    const held = hold();
    world.proxy.set(held.fault, SEND);
    const of = (avs: Address, n: number) => {
      const taskId = parseTaskId(`0x${n.toString(16).padStart(64, '0')}`);
      const queued = { key: `${n}`, chainId: chainId(31_337), taskId, avs, deadlineSeconds: 1_000 };
      const turn = (signal: AbortSignal) => gate.enter(queued, signal);
      return world.task(sender, `task ${n}`, { turn, simulate: async () => 100_000n });
    };
    const burst = upTo(40).map((n) => of(avss[0], n));
    await untilTrue(() => held.waiting === MOST_SENDING);
    const quiet = of(avss[1], 40);
    held.release();
    await world.sent(...burst, quiet);
    // Behind what is under way and what has had its turn; not behind the burst.
    expect(quiet.signed[0]?.nonce).toBeLessThan(3 * MOST_SENDING);
    await world.mineUntil(allSettled([...burst, quiet]));
  });
});

describe('one among them that is refused (threat 14)', () => {
  test('default: its nonce goes to the next result, and no gap remains', async () => {
    const held = hold();
    world.proxy.set(held.fault, SEND);
    world.proxy.set(refuseOnce([2], CAPPED), SEND);
    const tasks = tasksOf(MOST_SENDING + 1);
    // The one that had to wait for room gets the nonce of the one that was refused.
    await untilTrue(() => tasks[MOST_SENDING]?.signed.length === 1);
    held.release();
    expect(tasks[MOST_SENDING]?.signed[0]?.nonce).toBe(2);
    await world.sent(...tasks.filter((_, n) => n !== 2));
    await world.mineUntil(allSettled(tasks));
    expect(tasks[2]?.signed.map(({ nonce }) => nonce)).toEqual([2, MOST_SENDING]);
    expect([await world.minedCount(), await world.results()]).toEqual([tasks.length, tasks.length]);
  });

  test('behavior: with nobody else to send, its own next attempt takes its nonce', async () => {
    world.proxy.set(refuseOnce([0, 3], CAPPED), SEND);
    const tasks = tasksOf(6);
    await untilTrue(() => sends() === 6);
    await world.mineUntil(allSettled(tasks));
    expect([await world.minedCount(), await world.results()]).toEqual([6, 6]);
    expect(noncesOf(tasks).sort((a, b) => a - b)).toEqual([0, 0, 1, 2, 3, 3, 4, 5]);
  });

  test('behavior: when it is not sent again, an empty transaction lets the others through', async () => {
    world.proxy.set(refuseOnce([1], CAPPED), SEND);
    const sender = world.newSender();
    const sent = upTo(4).map(() => sender.send({ ...CALL, gas: 100_000n }));
    await expect(sent[1]).rejects.toMatchObject({ facts: { reason: 'endpoint-fee-cap' } });
    let mined = 0;
    for (const one of [sent[0], sent[2], sent[3]]) void one?.then(() => mined++);
    await world.mineUntil(() => mined === 3);
    expect([await world.minedCount(), await world.results()]).toEqual([4, 3]);
    expect(world.count('warn', /is filled with an empty one/)).toBe(1);
  });

  test('behavior: one whose nonce another program has taken gets the next one, the others keep theirs', async () => {
    const held = hold();
    world.proxy.set(held.fault, SEND);
    const tasks = tasksOf(4);
    await untilTrue(() => held.waiting === 4);
    await world.anvil.rpc('eth_sendTransaction', { from: ACCOUNT, to: ACCOUNT, nonce: '0x0', gas: '0x5208' });
    await world.anvil.rpc('evm_mine');
    held.release();
    await world.mineUntil(allSettled(tasks));
    expect(tasks.map(({ signed }) => signed.map(({ nonce }) => nonce))).toEqual([[0, 4], [1], [2], [3]]);
    expect([await world.minedCount(), await world.results()]).toEqual([5, 4]);
  });
});

describe('one among them that blocks pass by (threat 14)', () => {
  test('behavior: it is replaced while an earlier one is still under way to the node', async () => {
    const first = lateFirst();
    world.proxy.set(first.fault, SEND);
    const tasks = tasksOf(3, world.newSender({ bumpAfterBlocks: 1 }));
    await untilTrue(() => sends() === 3);
    await world.sent(...tasks.slice(1));
    await world.mine();
    await untilTrue(() => sends() === 5);
    expect(tasks.map(({ signed }) => signed.map(({ nonce }) => nonce))).toEqual([[0], [1, 1], [2, 2]]);
    first.release();
    await world.mineUntil(allSettled(tasks));
    expect([await world.minedCount(), await world.results()]).toEqual([3, 3]);
  });
});

describe('a transaction that waits where another of ours was sent (threat 14)', () => {
  test('behavior: its task is not told what becomes of the other', async () => {
    world.proxy.set(httpStatus(503), { ...SEND, times: 1 });
    const sender = world.newSender();
    const [lost] = tasksOf(1, sender);
    await untilTrue(() => lost?.signed.length === 1 && sends() === 1);
    for (let look = 0; look < 5; look++) await world.client.head();
    const raw = await PAYER.signTransaction({
      ...{ type: 2, chainId: 31_337, nonce: 0, to: ACCOUNT, gasLimit: 100_000n },
      ...{ maxFeePerGas: 5_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n },
    });
    const hash = parseHash32(await world.anvil.rpc<string>('eth_sendRawTransaction', raw));
    expect(await sender.resume({ subject: 'of a reorg', hash }, {})).toBeUndefined();
  });
});

describe('an endpoint that takes transactions in order only (threat 14)', () => {
  test('default: those that come too early wait for those before them, and are sent again as they are', async () => {
    const first = lateFirst();
    world.proxy.set(inOrderOnly, SEND);
    world.proxy.set(first.fault, SEND);
    const tasks = tasksOf(5);
    await untilTrue(() => sends() === 5);
    for (let look = 0; look < 20; look++) await world.client.head();
    expect([sends(), await world.pooled()]).toEqual([5, 0]);
    first.release();
    // Some were refused again while those before them were on their way: they are sent at the next head.
    await world.mineUntil(allSettled(tasks));
    expect(noncesOf(tasks)).toEqual([0, 1, 2, 3, 4]);
    expect([await world.minedCount(), await world.results()]).toEqual([5, 5]);
    expect(world.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  test('behavior: after an endpoint failed between two sends, the next one takes what follows when it has the first', async () => {
    world.proxy.set(httpStatus(503), { ...SEND, times: 1 });
    world.proxy.set(inOrderOnly, SEND);
    const tasks = tasksOf(4);
    await untilTrue(() => sends() >= 4);
    await world.mineUntil(allSettled(tasks));
    expect([await world.minedCount(), await world.results()]).toEqual([4, 4]);
    expect(tasks.map(({ signed }) => new Set(signed.map(({ nonce }) => nonce)).size)).toEqual([1, 1, 1, 1]);
  });
});

describe('an account that can pay for some of them (threat 14)', () => {
  test('default: the others wait, told once, and all go without a gap when it can pay again', async () => {
    let isPoor = true;
    const refused = [3, 4, 6];
    world.proxy.set(
      async (request, pass) =>
        isPoor && refused.includes(nonceOf(request.params[0])) ? refusal(UNFUNDED) : pass(request),
      SEND,
    );
    const tasks = tasksOf(7);
    await untilTrue(() => world.count('error', /is dry/) === 1 && sends() >= 7);
    for (let block = 0; block < 3; block++) await world.mineAndLook();
    isPoor = false;
    await world.mineUntil(allSettled(tasks));
    expect([await world.minedCount(), await world.results()]).toEqual([7, 7]);
    expect([world.count('error', /is dry/), world.count('info', /can pay for results again/)]).toEqual([
      1, 1,
    ]);
  });
});

/** Holds back the transaction with the lowest nonce until it is let go. */
function lateFirst(): { readonly fault: Fault; release(): void } {
  const released: Deferred<void> = deferred();
  return {
    fault: async (request, pass) => {
      if (nonceOf(request.params[0]) === 0) await released.promise;
      return pass(request);
    },
    release: () => released.resolve(),
  };
}
