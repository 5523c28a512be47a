import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type WebSocket, WebSocketServer } from 'ws';
import { blockNumber, chainId, parseHash32 } from '../../src/base/brands.js';
import { type Clock, systemClock } from '../../src/base/clock.js';
import type { LogFields, Logger } from '../../src/base/logger.js';
import { createChainClient } from '../../src/chain/client.js';
import { createFollower } from '../../src/chain/follower.js';
import { subscribeToHeads } from '../../src/chain/head-subscription.js';
import { HeadTracker } from '../../src/chain/head-tracker.js';
import { startAnvil } from '../support/anvil.js';
import { deferred } from '../support/deferred.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { LOG_EMITTER } from '../support/log-emitter.js';
import { manualClock, settle } from '../support/manual-clock.js';
import { until } from '../support/until.js';

const CHAIN = chainId(31_337);
const POLL_MS = 40_000;
/** The follower looks no sooner after a look, however many blocks are announced. */
const LEAST_PAUSE_MS = 250;
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** A log that can be awaited line by line. */
function recorder() {
  const lines: Line[] = [];
  const waiting: (() => void)[] = [];
  const at = (level: string) => (message: string, fields?: LogFields) => {
    lines.push({ level, message, fields });
    for (const wake of waiting.splice(0)) wake();
  };
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  const reached = async (count: number) => {
    while (lines.length < count) await new Promise<void>((wake) => waiting.push(wake));
    return lines;
  };
  return { logger, lines, reached };
}

type Answer = (request: { id: number; method: string }, socket: WebSocket) => unknown;

const honest: Answer = ({ id, method }) => ({
  jsonrpc: '2.0',
  id,
  result: method === 'eth_chainId' ? '0x7a69' : '0xfeed',
});
const announcement = (subscription = '0xfeed') =>
  JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params: { subscription, result: {} } });

/** An endpoint that follows a script, and a subscription to it on a clock that the test moves. */
async function world(answer: Answer = honest) {
  const script = { answer };
  const sockets: WebSocket[] = [];
  const subscribed = { count: 0, next: deferred() };
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('message', (data) => {
      const request = JSON.parse(String(data));
      const text = script.answer(request, socket);
      if (text !== undefined) socket.send(typeof text === 'string' ? text : JSON.stringify(text));
      if (request.method !== 'eth_subscribe') return;
      subscribed.count += 1;
      subscribed.next.resolve();
      subscribed.next = deferred();
    });
  });
  const clock = manualClock();
  /** All that it has asked to sleep. */
  const slept: number[] = [];
  const sleep: Clock['sleep'] = (ms, signal) => {
    slept.push(ms);
    return clock.sleep(ms, signal);
  };
  const heads = new HeadTracker();
  const { logger, lines, reached } = recorder();
  const told = { count: 0, next: deferred() };
  const stop = new AbortController();
  const { port } = server.address() as AddressInfo;
  const running = subscribeToHeads(
    {
      url: `ws://127.0.0.1:${port}/token`,
      chainId: CHAIN,
      heads,
      onBlock: () => {
        told.count += 1;
        told.next.resolve();
        told.next = deferred();
      },
      clock: { ...clock, sleep },
      logger,
    },
    stop.signal,
  );
  const close = async () => {
    stop.abort();
    await running;
  };
  closing.push(
    () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.terminate();
        server.close(resolve);
      }),
    close,
  );
  return { script, sockets, clock, slept, heads, lines, reached, told, subscribed, close };
}

const head = (number: number) => ({
  number: blockNumber(number),
  hash: parseHash32(`0x${number.toString(16).padStart(64, '0')}`),
  parentHash: parseHash32(`0x${'00'.repeat(32)}`),
  timestampSeconds: number,
  baseFeePerGas: undefined,
});

/** How long it pauses now, once it does: until then time stands still, whatever sockets take. */
async function nextPause({ slept }: Awaited<ReturnType<typeof world>>): Promise<number> {
  // A connection that no time passes in sleeps once, until its first ping; a pause follows each.
  await until('it pauses', () => slept.length % 2 === 0);
  return slept.at(-1) ?? 0;
}

describe('a subscription to new heads', () => {
  test('default: each announcement is passed on, and what is of another subscription is not', async () => {
    const { sockets, told, reached, lines } = await world();
    await reached(1);
    sockets[0]?.send(announcement('0xdead'));
    sockets[0]?.send(announcement());
    await told.next.promise;
    expect(told.count).toBe(1);
    expect(lines).toEqual([
      {
        level: 'info',
        message: 'new blocks are announced by a WebSocket endpoint',
        fields: { chainId: CHAIN, host: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
      },
    ]);
  });

  test('behavior: an endpoint that answers again and again is subscribed to once, and told of once', async () => {
    const { sockets, told, reached, lines, subscribed } = await world();
    await reached(1);
    for (const [id, result] of [
      [1, '0x7a69'],
      [2, '0xfeed'],
      [2, '0xbeef'],
    ])
      sockets[0]?.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
    sockets[0]?.send(announcement());
    await told.next.promise;
    expect([subscribed.count, lines.length]).toEqual([1, 1]);
  });

  test('behavior: cut off it comes back with growing pauses, and tells of each change of its state once', async () => {
    const all = await world();
    await all.reached(1);
    all.sockets[0]?.terminate();
    await all.reached(2);
    all.script.answer = (_request, socket) => void socket.terminate();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      pauses.push(await nextPause(all));
      await all.clock.advance(pauses.at(-1) ?? 0);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    const last = await nextPause(all);
    all.script.answer = honest;
    await all.clock.advance(last);
    await all.reached(3);
    expect(all.sockets).toHaveLength(10);
    expect(all.lines.map(({ level }) => level)).toEqual(['info', 'warn', 'info']);
  });

  test.each<[string, Answer, RegExp]>([
    ['serves another chain', ({ id }) => ({ jsonrpc: '2.0', id, result: '0x1' }), /CHAIN_MISMATCH/],
    [
      'knows no subscriptions',
      (request, socket) =>
        request.method === 'eth_chainId'
          ? honest(request, socket)
          : { jsonrpc: '2.0', id: request.id, error: { code: -32_601, message: 'no such method' } },
      /CHAIN_RPC/,
    ],
    ['speaks no JSON', () => 'hello', /CHAIN_UNREACHABLE/],
    [
      'sends what is neither a number nor a text',
      ({ id }) => ({ jsonrpc: '2.0', id, result: { toString: 1, valueOf: 1 } }),
      /CHAIN_UNREACHABLE/,
    ],
    ['sends what is far too long', () => `"${'x'.repeat(100_000)}"`, /Max payload size exceeded/],
  ])('error: an endpoint that %s is given up with the reason', async (_case, answer, reason) => {
    const { reached, told } = await world(answer);
    const [line] = await reached(1);
    expect(line?.level).toBe('warn');
    const { error } = line?.fields ?? {};
    expect(`${error instanceof Error ? error.message : ''} ${JSON.stringify(error)}`).toMatch(reason);
    expect(told.count).toBe(0);
  });

  test('behavior: one that announces nothing of what polling sees is given up', async () => {
    const { heads, reached } = await world();
    await reached(1);
    for (let number = 1; number <= 9; number++) heads.update(head(number));
    const lines = await reached(2);
    expect(lines[1]?.fields?.error).toMatchObject({ message: 'the endpoint announces no blocks' });
  });

  test('behavior: a connection that is dead is found by pings', async () => {
    const { sockets, clock, reached } = await world();
    await reached(1);
    sockets[0]?.pause();
    await clock.advance(30_000);
    await clock.advance(30_000);
    const lines = await reached(2);
    expect(lines[1]?.fields?.error).toMatchObject({ message: 'the connection is dead' });
  });

  test('behavior: closing ends it while it connects, while it is up, and while it pauses', async () => {
    const connecting = await world();
    await connecting.close();
    const up = await world();
    await up.reached(1);
    await up.close();
    const paused = await world(() => 'hello');
    await paused.reached(1);
    await settle();
    await paused.close();
    expect(paused.clock.sleepers).toBe(0);
  });
});

describe('a follower with a subscription', () => {
  test('default: a block is seen when it is announced; without announcements when it is polled', async () => {
    const anvil = await startAnvil({ chainId: 31_337 });
    closing.push(() => anvil.close());
    const proxy = await startFaultProxy([anvil.url]);
    closing.push(() => proxy.close());
    const clock = manualClock();
    const heads = new HeadTracker();
    const { logger, reached } = recorder();
    const client = createChainClient({
      chainId: CHAIN,
      name: 'local',
      rpcUrls: [proxy.url],
      clock: systemClock,
      logger,
    });
    closing.push(() => client.close());
    const follower = createFollower({
      client,
      heads,
      clock,
      logger,
      filter: { addresses: [LOG_EMITTER], topics: [] },
      findStart: async () => blockNumber(1),
      pollIntervalMs: POLL_MS,
      maxBlockRange: 10,
      maxReorgDepth: 8,
      blockConfirmations: 0,
      onBlocks: async () => undefined,
      onReorg: async () => undefined,
      onTipReplaced: async () => undefined,
    });
    const stop = new AbortController();
    let told = 0;
    const onBlock = () => {
      told += 1;
      follower.look();
    };
    const subscription = subscribeToHeads(
      { url: proxy.wsUrl, chainId: CHAIN, heads, onBlock, clock, logger },
      stop.signal,
    );
    const running = follower.run(stop.signal);
    closing.push(async () => {
      stop.abort();
      await Promise.all([running, subscription]);
    });
    /** Time moves only while both sleep, the subscription until its next ping: whatever the chain takes is no time. */
    const untilPaused = () => until('the follower pauses', () => clock.sleepers === 2);
    const untilSeen = (number: number) =>
      until(`block ${number} is seen`, () => heads.latest?.number === number);
    await reached(1);
    await untilSeen(0);
    await untilPaused();
    await clock.advance(LEAST_PAUSE_MS);

    await anvil.rpc('anvil_mine', '0x1');
    await untilSeen(1);
    await untilPaused();
    expect(told).toBe(1);

    proxy.webSockets = 'silent';
    await anvil.rpc('anvil_mine', '0x1');
    await clock.advance(POLL_MS - 1);
    expect([clock.sleepers, heads.latest?.number]).toEqual([2, 1]);
    await clock.advance(1);
    await untilSeen(2);
    expect(told).toBe(1);
  });
});
