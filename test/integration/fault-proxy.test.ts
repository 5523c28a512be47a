/** The proxy that other tests break chains with does what it says. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Anvil, startAnvil } from '../support/anvil.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import {
  answerNull,
  cutOffJson,
  drop,
  emptyLogs,
  flip,
  fromUpstream,
  hold,
  html,
  lag,
  lieAboutChain,
  limitExceeded,
  limitRange,
  type RangeStyle,
  rewrite,
  strayLogs,
  tooManyRequests,
} from '../support/fault-proxy-faults.js';
import { emitLog, LOG_EMITTER, placeLogEmitter } from '../support/log-emitter.js';

const TOPIC = `0x${'ab'.repeat(32)}`;

let chain: Anvil;
let fork: Anvil;
let proxy: FaultProxy;

beforeAll(async () => {
  chain = await startAnvil({ chainId: 31337 });
  fork = await startAnvil({ chainId: 31338 });
  await placeLogEmitter(chain);
  for (let block = 0; block < 5; block++) {
    await emitLog(chain, TOPIC);
    await chain.rpc('evm_mine');
  }
  proxy = await startFaultProxy([chain.url, fork.url]);
});
afterAll(async () => {
  await proxy.close();
  await Promise.all([chain.close(), fork.close()]);
});
afterEach(() => {
  proxy.heal();
  proxy.resetCounts();
  proxy.webSockets = 'pass';
});

function post(body: unknown): Promise<Response> {
  return fetch(proxy.url, { method: 'POST', body: JSON.stringify(body) });
}

async function rpc(method: string, ...params: unknown[]) {
  const response = await post({ jsonrpc: '2.0', id: 7, method, params });
  return (await response.json()) as { id: number; result?: unknown; error?: { code: number } };
}

const logs = (fromBlock: string, toBlock: string) =>
  rpc('eth_getLogs', { address: LOG_EMITTER, fromBlock, toBlock });

describe('the fault proxy', () => {
  test('default: passes single and batched requests on and counts them', async () => {
    expect(await rpc('eth_blockNumber')).toMatchObject({ id: 7, result: '0x5' });
    const batch = await post([
      { jsonrpc: '2.0', id: 1, method: 'eth_chainId' },
      { jsonrpc: '2.0', id: 2, method: 'eth_blockNumber', params: [] },
    ]);
    expect(await batch.json()).toMatchObject([
      { id: 1, result: '0x7a69' },
      { id: 2, result: '0x5' },
    ]);
    expect([proxy.requests('eth_blockNumber'), proxy.requests(), proxy.exchanges]).toEqual([2, 3, 2]);
    expect(proxy.connections.open).toBeGreaterThan(0);
  });

  test('behavior: a fault meets the methods and the number of requests it is set for', async () => {
    const fault = proxy.set(answerNull, { methods: ['eth_chainId'], times: 1 });
    expect((await rpc('eth_blockNumber')).result).toBe('0x5');
    expect((await rpc('eth_chainId')).result).toBeNull();
    expect((await rpc('eth_chainId')).result).toBe('0x7a69');
    expect(fault.hits).toBe(1);
    const lie = proxy.set(lieAboutChain(5));
    expect((await rpc('eth_chainId')).result).toBe('0x5');
    lie.end();
    expect((await rpc('eth_chainId')).result).toBe('0x7a69');
  });

  test('behavior: drops, refuses, and answers with what is not JSON', async () => {
    proxy.set(drop, { times: 1 });
    await expect(rpc('eth_chainId')).rejects.toThrow();
    proxy.set(tooManyRequests(3), { times: 1 });
    const refused = await post({ jsonrpc: '2.0', id: 1, method: 'eth_chainId' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3']);
    for (const fault of [html, cutOffJson]) {
      proxy.set(fault, { times: 1 });
      await expect(rpc('eth_chainId')).rejects.toMatchObject({ name: 'SyntaxError' });
    }
    proxy.set(limitExceeded, { times: 1 });
    expect((await rpc('eth_chainId')).error?.code).toBe(-32005);
  });

  test('behavior: holds a request until it is released', async () => {
    const held = hold();
    proxy.set(held.fault);
    const answer = rpc('eth_chainId');
    expect(await held.reached).toMatchObject({ method: 'eth_chainId' });
    expect(held.waiting).toBe(1);
    held.release();
    expect((await answer).result).toBe('0x7a69');
  });

  test('behavior: lags behind the chain in every answer', async () => {
    const newest = (await rpc('eth_getBlockByNumber', 'latest', false)).result as { hash: string };
    proxy.set(lag(2));
    expect((await rpc('eth_blockNumber')).result).toBe('0x3');
    expect((await rpc('eth_getBlockByNumber', 'latest', false)).result).toMatchObject({ number: '0x3' });
    expect((await rpc('eth_getBlockByNumber', '0x4', false)).result).toBeNull();
    expect((await rpc('eth_getBlockByHash', newest.hash, false)).result).toBeNull();
    expect((await logs('0x1', 'latest')).result).toHaveLength(3);
    expect((await rpc('eth_getLogs', { blockHash: newest.hash })).error?.code).toBe(-32000);
    expect((await rpc('eth_call', { to: LOG_EMITTER }, '0x5')).error?.code).toBe(-32000);
  });

  test('behavior: answers from another chain, or from both in turn', async () => {
    proxy.set(fromUpstream(1), { times: 1 });
    expect((await rpc('eth_chainId')).result).toBe('0x7a6a');
    proxy.set(flip());
    const seen = [await rpc('eth_chainId'), await rpc('eth_chainId'), await rpc('eth_chainId')];
    expect(seen.map(({ result }) => result)).toEqual(['0x7a69', '0x7a6a', '0x7a69']);
  });

  test.each([
    ['alchemy', -32600],
    ['infura', -32005],
    ['quicknode', -32614],
    ['ankr', -32000],
  ] as const)('behavior: limits ranges of logs in the words of %s', async (style: RangeStyle, code) => {
    proxy.set(limitRange({ maxBlocks: 3 }, style));
    expect((await logs('0x1', '0x3')).result).toHaveLength(3);
    expect((await logs('0x1', '0x4')).error?.code).toBe(code);
    proxy.heal();
    proxy.set(limitRange({ maxResults: 2 }, style));
    expect((await logs('0x1', '0x3')).error?.code).toBe(code);
  });

  test('behavior: hides logs, moves them to another block, and rewrites any answer', async () => {
    proxy.set(emptyLogs, { times: 1 });
    expect((await logs('0x1', '0x5')).result).toEqual([]);
    proxy.set(strayLogs, { times: 1 });
    expect((await logs('0x1', '0x1')).result).toMatchObject([{ blockNumber: '0xffffff' }]);
    proxy.set(
      rewrite((_, { method }) => `not ${method}`),
      { times: 1 },
    );
    expect((await rpc('eth_chainId')).result).toBe('not eth_chainId');
  });

  test('behavior: counts what the client gives up', async () => {
    const held = hold();
    proxy.set(held.fault);
    const giveUp = new AbortController();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId' });
    const answer = fetch(proxy.url, { method: 'POST', body, signal: giveUp.signal });
    await held.reached;
    giveUp.abort();
    await expect(answer).rejects.toThrow();
    while (proxy.abandoned === 0) await new Promise(setImmediate);
    expect(proxy.abandoned).toBe(1);
    held.release();
  });

  test('behavior: tunnels WebSockets, refuses, silences and cuts them', async () => {
    const socket = await openWebSocket();
    expect(await nextText(socket)).toMatch(/^HTTP\/1.1 101/);
    expect(proxy.openWebSockets).toBe(1);
    // A ping (masked with zeros) is answered with a pong by anvil itself.
    const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);
    const pong = once(socket, 'data');
    socket.write(ping);
    expect(((await pong)[0] as Buffer)[0]).toBe(0x8a);
    proxy.webSockets = 'silent';
    let heard = 0;
    socket.on('data', () => {
      heard += 1;
    });
    socket.write(ping);
    await rpc('eth_chainId');
    expect(heard).toBe(0);
    proxy.cutWebSockets();
    await once(socket, 'close');
    proxy.webSockets = 'refuse';
    expect(await nextText(await openWebSocket())).toMatch(/^HTTP\/1.1 503/);
  });
});

async function openWebSocket() {
  const { hostname, port, host } = new URL(proxy.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const headers = [
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  socket.write(`GET / HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
  return socket;
}

async function nextText(socket: NodeJS.EventEmitter): Promise<string> {
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString('latin1');
}
