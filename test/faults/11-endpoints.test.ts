/**
 * Threat 11: endpoints that flip between forks, lag, answer null, limit requests, hang, or lie about their chain. The
 * first of two goes wrong; what is read stays right, and the log says once what happened.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { blockNumber, chainId, parseAddress, parseHash32 } from '../../src/base/brands.js';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import { Account } from '../../src/chain/account.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import type { EndpointState } from '../../src/chain/endpoint-health.js';
import { createFollower } from '../../src/chain/follower.js';
import { HeadTracker } from '../../src/chain/head-tracker.js';
import { canPass } from '../../src/chain/rpc-error.js';
import { type Fault, type FaultProxy, type FaultScope, startFaultProxy } from '../support/fault-proxy.js';
import {
  answerNull,
  cutOffJson,
  drop,
  emptyLogs,
  flip,
  fromUpstream,
  hold,
  html,
  httpStatus,
  lag,
  lieAboutChain,
  limitExceeded,
  limitRange,
  rewrite,
  rpcError,
  strayLogs,
  tooManyRequests,
} from '../support/fault-proxy-faults.js';
import { LOG_EMITTER } from '../support/log-emitter.js';
import { manualClock, settle } from '../support/manual-clock.js';
import { ACCOUNT } from '../support/sender-world.js';
import { startTwinChains, type TwinChains } from '../support/twin-chains.js';

const TOPIC = parseHash32(`0x${'aa'.repeat(32)}`);
const REVERTING = parseAddress('0x00000000000000000000000000000000000000e1');
const REVERT_CODE = '0x6359fa4a9360e01b60005260046000fd';
const HEDGE_MS = 1_000;

let chains: TwinChains;
let first: FaultProxy;
let second: FaultProxy;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  chains = await startTwinChains();
  for (const anvil of [chains.main, chains.fork]) {
    await anvil.rpc('anvil_setCode', REVERTING, REVERT_CODE);
  }
});
afterAll(() => chains.close());
beforeEach(async () => {
  [first, second] = await Promise.all([
    startFaultProxy([chains.main.url, chains.fork.url, chains.foreign.url]),
    startFaultProxy([chains.main.url]),
  ]);
  open.push(first, second);
});
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

/** A client whose time the test moves, and what it told the log. */
function newClient(proxies: readonly FaultProxy[] = [first, second]) {
  const clock = manualClock();
  const lines: string[] = [];
  const write = (message: string) => {
    lines.push(message);
  };
  const logger: Logger = {
    debug: () => undefined,
    info: write,
    warn: write,
    error: write,
    child: () => logger,
  };
  const client = createChainClient({
    chainId: chainId(31337),
    name: 'local',
    rpcUrls: proxies.map(({ url }) => url),
    clock,
    logger,
  });
  open.push(client);
  return { client, clock, lines };
}

/** Follows from the next block on, or from one so far below the head; `seen` are the logs that hold. */
function follow(client: ChainClient, below = -1) {
  const seen = new Map<string, number>();
  const state = { failures: 0 };
  const follower = createFollower({
    client,
    heads: new HeadTracker(),
    clock: manualClock(),
    logger: silentLogger,
    filter: { addresses: [LOG_EMITTER], topics: [TOPIC] },
    findStart: async (head) => blockNumber(head.number - below),
    pollIntervalMs: 5,
    maxBlockRange: 100,
    maxReorgDepth: 32,
    blockConfirmations: 0,
    onBlocks: async ({ logs }) => {
      for (const log of logs) {
        const name = `${log.blockNumber} ${log.blockHash}`;
        if (seen.has(name)) throw new Error(`the log of block ${name} came twice`);
        seen.set(name, log.blockNumber);
      }
    },
    onReorg: async ({ ancestor }) => {
      for (const [name, number] of seen) if (number > ancestor.number) seen.delete(name);
    },
    onTipReplaced: async () => undefined,
  });
  return {
    state,
    seen: () => [...seen.keys()],
    /** Looks until there is nothing new; what can pass is counted, anything else fails the test. */
    look: async () => {
      try {
        while ((await follower.step()) === 'advanced');
      } catch (error) {
        if (!canPass(error)) throw error;
        state.failures += 1;
      }
    },
  };
}

/** The logs of the chain as it is, named as in `follow`. */
async function logsSince(start: number): Promise<string[]> {
  const logs = await chains.main.rpc<{ blockNumber: string; blockHash: string }[]>('eth_getLogs', {
    address: LOG_EMITTER,
    fromBlock: `0x${start.toString(16)}`,
    toBlock: 'latest',
  });
  return logs.map((log) => `${Number(log.blockNumber)} ${log.blockHash}`);
}

const FAILS = 'an endpoint fails and is asked last';
const LIMITS = 'an endpoint limits requests and is left alone for a while';
const BEHIND = 'an endpoint is behind the others and is asked last';
const LIES = 'an endpoint serves another chain and is not asked any more';
const BACK = 'an endpoint is back in service';

const garbage = rewrite((_, { method }) => (method === 'eth_chainId' ? '0x7a69' : { number: 'many' }));
const onBlocks: FaultScope = { methods: ['eth_getBlockByNumber'] };
const notTheId: FaultScope = {
  methods: ['eth_getBlockByNumber', 'eth_getLogs', 'eth_getBlockByHash', 'eth_call'],
};

describe('a follower over two endpoints, of which the first goes wrong', () => {
  test.each<[string, () => Fault, FaultScope, EndpointState, string | undefined]>([
    ['drops connections', () => drop, {}, 'failing', FAILS],
    ['answers 503', () => httpStatus(503), {}, 'failing', FAILS],
    ['answers 429', () => tooManyRequests(), {}, 'limited', LIMITS],
    ['answers 429 with Retry-After', () => tooManyRequests(30), {}, 'limited', LIMITS],
    ['answers -32005', () => limitExceeded, {}, 'limited', LIMITS],
    ['speaks HTML', () => html, {}, 'failing', FAILS],
    ['cuts its JSON off', () => cutOffJson, {}, 'failing', FAILS],
    ['answers null for blocks', () => answerNull, onBlocks, 'failing', FAILS],
    ['answers null for everything', () => answerNull, notTheId, 'failing', FAILS],
    ['answers with nonsense', () => garbage, {}, 'failing', FAILS],
    ['answers with errors', () => rpcError(-32603, 'internal error'), notTheId, 'failing', FAILS],
    ['lags five blocks', () => lag(5), {}, 'behind', BEHIND],
    ['gives logs of other blocks', () => strayLogs, {}, 'failing', FAILS],
    ['knows no logs of new blocks', () => emptyLogs, {}, 'working', undefined],
  ])('behavior: %s: every log is seen once', async (_name, fault, scope, state, line) => {
    const { client, clock, lines } = newClient();
    for (let block = 0; block < 6; block++) await chains.mineOnBoth(TOPIC);
    await client.start();
    const start = (await client.head()).number + 1;
    const { look, seen, state: looks } = follow(client);
    const mineAndLook = async () => {
      await chains.mineOnBoth(TOPIC);
      await look();
      await clock.advance(3_000);
    };
    await look();
    await mineAndLook();

    first.set(fault(), scope);
    second.resetCounts();
    for (let block = 0; block < 4; block++) await mineAndLook();
    // A lag shows when heads are compared, which goes on beside the looks.
    await chains.mineOnBoth(TOPIC);
    while (client.status()[0]?.state !== state) await look();
    await look();
    expect(client.status()[0]).toMatchObject({ state, inUse: state === 'working' });
    expect(client.status()[1]).toMatchObject({ state: 'working' });
    expect(seen()).toEqual(await logsSince(start));
    if (line !== undefined) expect(second.requests('eth_getLogs')).toBeGreaterThan(0);

    first.heal();
    await clock.advance(10 * 60_000);
    await mineAndLook();
    while (client.status()[0]?.inUse !== true) await look();
    await mineAndLook();
    expect(client.status()[0]).toMatchObject({ state: 'working', inUse: true });
    expect(seen()).toEqual(await logsSince(start));
    expect(lines).toEqual(line === undefined ? [] : [line, BACK]);
    expect(looks.failures).toBe(0);
  });

  test('behavior: turns liar: it is taken out at the next proof, and asked for nothing but its chain id', async () => {
    const { client, clock, lines } = newClient();
    await client.start();
    const start = (await client.head()).number + 1;
    const { look, seen, state } = follow(client);
    await look();
    first.set(lieAboutChain(5));
    await clock.advance(61_000);
    for (let block = 0; block < 3; block++) {
      await chains.mineOnBoth(TOPIC);
      await look();
    }
    expect(client.status()[0]).toMatchObject({ state: 'wrong-chain', inUse: false });
    expect(lines).toEqual([LIES]);
    first.resetCounts();
    await clock.advance(29_000);
    await look();
    expect(first.requests()).toBe(0);
    await clock.advance(1_000);
    await look();
    expect([first.requests('eth_chainId'), first.requests()]).toEqual([1, 1]);
    first.heal();
    await clock.advance(60_000);
    await chains.mineOnBoth(TOPIC);
    await look();
    expect(client.status()[0]).toMatchObject({ state: 'working', inUse: true });
    expect([lines, state.failures]).toEqual([[LIES, BACK], 0]);
    expect(seen()).toEqual(await logsSince(start));
  });

  test.each([
    ['a cut', drop],
    ['an overload', httpStatus(503)],
  ])(
    'behavior: comes back after %s as another chain: the id is asked for before anything else',
    async (_case, fault) => {
      const { client, clock } = newClient();
      await client.start();
      const cut = first.set(fault);
      await client.head();
      cut.end();
      first.set(fromUpstream(2));
      first.resetCounts();
      await clock.advance(15_000);
      const head = await client.head();
      expect(await chains.main.rpc('eth_getBlockByHash', head.hash, false)).not.toBeNull();
      expect([first.requests('eth_chainId'), first.requests()]).toEqual([1, 1]);
      expect(client.status()[0]?.state).toBe('wrong-chain');
    },
  );
});

describe('an endpoint that answers from another chain between two proofs', () => {
  test.each([
    ['one of two', () => [first, second]],
    ['the only one', () => [first]],
  ])('behavior: %s: what contradicts known blocks is not believed', async (_case, proxies) => {
    const { client, clock } = newClient(proxies());
    await client.start();
    const below = 20;
    const start = (await client.head()).number - below;
    const { look, seen, state } = follow(client, below);
    await look();
    // Higher than ours, so that it knows a block at each height that is asked for.
    await chains.foreign.rpc('anvil_mine', `0x${(start + 2 * below).toString(16)}`);
    first.set(fromUpstream(2));
    await chains.mineOnBoth(TOPIC);
    for (let times = 0; times < 3; times++) await look();
    expect(client.status()[0]?.state).toBe('wrong-chain');
    if (proxies().length > 1) expect(seen()).toEqual(await logsSince(start));
    else expect(state.failures).toBeGreaterThan(0);
    first.heal();
    await clock.advance(60_000);
    await look();
    expect(seen()).toEqual(await logsSince(start));
  });
});

describe('an endpoint whose connections are closed while they are idle', () => {
  test('behavior: is asked over a new one, and has proven its chain id before the answer counts', async () => {
    const { client, lines } = newClient([first]);
    await client.start();
    const before = first.connections.accepted;
    first.cutIdleConnections();
    first.resetCounts();
    expect((await client.head()).number).toBeGreaterThan(0);
    expect(first.connections.accepted).toBeGreaterThan(before);
    expect([first.requests('eth_chainId'), first.requests()]).toEqual([1, 2]);
    expect([lines, client.status()[0]?.lastError]).toEqual([[], undefined]);
  });

  test('behavior: is taken out when another chain answers over the new one', async () => {
    const { client, lines } = newClient();
    await client.start();
    first.cutIdleConnections();
    first.set(fromUpstream(2));
    const head = await client.head();
    expect(await chains.main.rpc('eth_getBlockByHash', head.hash, false)).not.toBeNull();
    expect(lines).toEqual([LIES]);
  });
});

describe('an endpoint that is late', () => {
  test('behavior: the other answers, the late request is given up, and three times make a failure', async () => {
    const { client, clock, lines } = newClient();
    await client.start();
    first.resetCounts();
    second.resetCounts();
    for (let read = 1; read <= 3; read++) {
      const held = hold();
      const fault = first.set(held.fault, { methods: ['eth_getCode'] });
      const code = client.code(REVERTING, 'latest');
      await held.reached;
      await clock.advance(HEDGE_MS - 1);
      expect(second.requests('eth_getCode')).toBe(read - 1);
      await clock.advance(1);
      expect(await code).toHaveLength(16);
      expect([first.requests('eth_getCode'), second.requests('eth_getCode')]).toEqual([read, read]);
      while (first.abandoned < read) await settle();
      fault.end();
      held.release();
    }
    expect(client.status()[0]).toMatchObject({ state: 'failing', inUse: false });
    await client.code(REVERTING, 'latest');
    expect(first.requests('eth_getCode')).toBe(3);
    expect(lines).toEqual([FAILS]);
  });

  test('behavior: a good answer at once costs no second request', async () => {
    const { client } = newClient();
    await client.start();
    second.resetCounts();
    for (let read = 0; read < 30; read++) await client.code(REVERTING, 'latest');
    expect(second.requests()).toBe(0);
  });

  test.each([
    ['a transaction', 'eth_sendRawTransaction', ['0x00']],
    ['a nonce', 'eth_getTransactionCount', [REVERTING, 'pending']],
  ])('behavior: %s is never asked for twice at once', async (_name, method, params) => {
    const { client, clock } = newClient();
    await client.start();
    const held = hold();
    first.set(held.fault, { methods: [method] });
    const answer = client.request(method, params).catch((error: unknown) => error);
    await held.reached;
    await clock.advance(9_000);
    expect(second.requests(method)).toBe(0);
    held.release();
    await answer;
    expect([first.requests(method), second.requests(method)]).toEqual([1, 0]);
  });
});

describe('an endpoint that limits requests', () => {
  test('behavior: is left alone for as long as it says, then asked again', async () => {
    const { client, clock } = newClient();
    await client.start();
    first.set(tooManyRequests(30), { times: 1 });
    await client.head();
    first.resetCounts();
    await clock.advance(29_999);
    for (let read = 0; read < 5; read++) await client.code(REVERTING, 'latest');
    expect(first.requests()).toBe(0);
    await clock.advance(1);
    await client.code(REVERTING, 'latest');
    expect(first.requests('eth_getCode')).toBe(1);
  });

  test('behavior: the only one is waited for, not hammered', async () => {
    const { client, clock } = newClient([first]);
    await client.start();
    first.set(tooManyRequests(3), { times: 1 });
    first.resetCounts();
    const head = client.head();
    while (clock.sleepers === 0) await settle();
    const others = [client.code(REVERTING, 'latest'), client.code(REVERTING, 'latest')];
    await clock.advance(2_999);
    expect(first.requests()).toBe(1);
    await clock.advance(1);
    await Promise.all([head, ...others]);
    expect(first.requests()).toBe(4);
  });

  test('error: the only one rests longer than a request waits', async () => {
    const { client } = newClient([first]);
    await client.start();
    first.set(tooManyRequests(60), { times: 1 });
    first.resetCounts();
    for (let look = 0; look < 3; look++) {
      await expect(client.head()).rejects.toMatchObject({ code: 'CHAIN_RATE_LIMITED', kind: 'retryable' });
    }
    expect(first.requests()).toBe(1);
  });

  test('behavior: is asked by fewer requests at once afterwards', async () => {
    const { client, clock } = newClient([first]);
    await client.start();
    const heads = () => Promise.all(Array.from({ length: 40 }, () => client.head()));
    const peak = async () => {
      first.resetCounts();
      const held = hold();
      first.set(held.fault);
      const reading = heads();
      // All that may be under way are, when a trip to the server brings no more.
      for (let known = -1; known !== first.exchanges; ) {
        known = first.exchanges;
        await chains.main.rpc('eth_chainId');
        await chains.main.rpc('eth_chainId');
      }
      const { peakExchanges } = first;
      first.heal();
      held.release();
      await reading;
      return peakExchanges;
    };
    expect(await peak()).toBe(16);
    first.set(limitExceeded, { times: 1 });
    const limited = client.head();
    while (clock.sleepers === 0) await settle();
    await clock.advance(1_000);
    await limited;
    expect(await peak()).toBe(8);
  });
});

describe('an endpoint that answers what results need with null', () => {
  test.each<[string, (account: Account) => Promise<unknown>]>([
    ['eth_estimateGas', (account) => account.estimateGas(ACCOUNT, new Uint8Array())],
    ['eth_getTransactionCount', (account) => account.transactionCount('latest')],
    ['eth_getBalance', (account) => account.balance()],
    ['eth_maxPriorityFeePerGas', (account) => account.priorityFee()],
  ])('behavior: %s: the other one is asked, and the first is asked last', async (method, read) => {
    const { client } = newClient();
    const account = new Account(client, ACCOUNT);
    const right = await read(account);
    second.resetCounts();
    first.set(answerNull, { methods: [method] });
    expect(await read(account)).toEqual(right);
    expect(second.requests(method)).toBe(1);
    expect(client.status()).toMatchObject([{ state: 'failing' }, { inUse: true }]);
  });
});

describe('what is an answer', () => {
  test('behavior: a revert is not asked for again, here or elsewhere', async () => {
    const { client } = newClient();
    await client.start();
    const call = client.call({ to: REVERTING, data: new Uint8Array(), at: 'latest' });
    await expect(call).rejects.toMatchObject({ code: 'CONTRACT_REVERTED' });
    expect([first.requests('eth_call'), second.requests('eth_call')]).toEqual([1, 0]);
  });

  test.each(['alchemy', 'infura', 'quicknode', 'ankr', 'http413'] as const)(
    'behavior: a range that is too large for %s is the caller’s to halve; the endpoint stays in use',
    async (style) => {
      const { client, lines } = newClient();
      await client.start();
      first.set(limitRange({ maxBlocks: 3 }, style));
      const filter = { addresses: [LOG_EMITTER], topics: [TOPIC] };
      const range = (toBlock: number) =>
        client.logs(filter, { fromBlock: blockNumber(1), toBlock: blockNumber(toBlock) });
      await expect(range(4)).rejects.toMatchObject({
        code: 'CHAIN_RPC',
        facts: { reason: 'range-too-large' },
      });
      expect(await range(3)).toHaveLength(3);
      expect([first.requests('eth_getLogs'), second.requests('eth_getLogs')]).toEqual([2, 0]);
      expect(lines).toEqual([]);
    },
  );

  test('behavior: a block that no endpoint has is asked for once at each, and nobody is blamed', async () => {
    const { client, lines } = newClient();
    await client.start();
    const head = await client.head();
    expect(await client.block(blockNumber(head.number + 50))).toBeUndefined();
    expect(client.status().map(({ state }) => state)).toEqual(['working', 'working']);
    expect(lines).toEqual([]);
  });

  test('behavior: a block that one endpoint has told of and does not have is found at the other', async () => {
    for (let block = 0; block < 4; block++) await chains.mineOnBoth(TOPIC);
    const { client, lines } = newClient();
    await client.start();
    const head = await client.head();
    first.set(async (request, pass) =>
      request.method === 'eth_getBlockByNumber' && request.params[0] !== 'latest'
        ? { result: null }
        : pass(request),
    );
    const number = blockNumber(head.number - 3);
    expect((await client.block(number))?.number).toBe(number);
    expect(client.status()[0]).toMatchObject({ state: 'failing', inUse: false });
    expect(lines).toEqual([FAILS]);
  });

  test('behavior: closing leaves no connection behind', async () => {
    const { client } = newClient();
    await client.start();
    const held = hold();
    first.set(held.fault);
    const waiting = client.head().catch((error: unknown) => error);
    await held.reached;
    await client.close();
    expect(await waiting).toMatchObject({ code: 'ABORTED' });
    while (first.connections.open + second.connections.open > 0) await settle();
    held.release();
  });
});

// Last: from here on the two chains differ.
describe('an endpoint before nodes on two forks', () => {
  test('behavior: flips with every request: it is found out, and the logs in the end are those of the chain', async () => {
    const { client, clock, lines } = newClient();
    await client.start();
    const start = (await client.head()).number + 1;
    const { look, seen } = follow(client);
    await look();
    const [mainHead, forkHead] = await Promise.all(
      [chains.main, chains.fork].map((anvil) => anvil.rpc('eth_getBlockByNumber', 'latest', false)),
    );
    expect(forkHead).toEqual(mainHead);
    chains.part();
    for (let block = 0; block < 3; block++) await chains.mineOnBoth(TOPIC);
    first.set(flip());
    for (let block = 0; block < 6; block++) {
      await chains.mineOnBoth(TOPIC);
      for (let times = 0; times < 4; times++) await look();
    }
    expect(client.status()[0]).toMatchObject({ state: 'failing', inUse: false });
    expect(client.status()[0]?.lastError).toMatch(/two forks by turns/);
    await look();
    expect(seen()).toEqual(await logsSince(start));
    expect(lines).toEqual([FAILS]);
    first.heal();
    await clock.advance(10 * 60_000);
    await chains.mineOnBoth(TOPIC);
    await look();
    expect(seen()).toEqual(await logsSince(start));
  });

  test('behavior: fails over to a node on another fork and back: what was read there is undone', async () => {
    const other = await startFaultProxy([chains.fork.url]);
    open.push(other);
    const { client, clock } = newClient([first, other]);
    await client.start();
    const below = 20;
    const start = (await client.head()).number - below;
    const { look, seen } = follow(client, below);
    await look();
    expect(seen()).toEqual(await logsSince(start));
    first.set(drop);
    await chains.mineOnBoth(TOPIC);
    await look();
    await look();
    expect(seen()).toHaveLength(below + 2);
    expect(seen()).not.toEqual(await logsSince(start));
    first.heal();
    await clock.advance(60_000);
    await chains.mineOnBoth(TOPIC);
    for (let times = 0; times < 3; times++) await look();
    expect(seen()).toEqual(await logsSince(start));
  });
});
