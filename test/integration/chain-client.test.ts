import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { blockNumber, chainId, parseAddress, parseHash32, parseHex } from '../../src/base/brands.js';
import { fromHex, toHex } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import { explain } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { Account } from '../../src/chain/account.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import { type Anvil, startAnvil } from '../support/anvil.js';
import { emitLog, LOG_EMITTER, placeLogEmitter } from '../support/log-emitter.js';
import { manualClock } from '../support/manual-clock.js';

/** Reverts with the four bytes of `ThresholdNotMet()`. */
const REVERTING = parseAddress('0x00000000000000000000000000000000000000e1');
const REVERT_CODE = '0x6359fa4a9360e01b60005260046000fd';
/** Returns the first word of its storage. */
const COUNTER = parseAddress('0x00000000000000000000000000000000000000c0');
const COUNTER_CODE = '0x60005460005260206000f3';

const HASH = `0x${'77'.repeat(32)}`;
const aReceipt = {
  transactionHash: HASH,
  blockHash: HASH,
  blockNumber: '0x1',
  status: '0x1',
  gasUsed: '0x5208',
};
const aBlock = { number: '0x1', hash: HASH, parentHash: HASH, timestamp: '0x1', baseFeePerGas: '0x1' };

let anvil: Anvil;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  anvil = await startAnvil({ chainId: 31337 });
  await placeLogEmitter(anvil);
  await anvil.rpc('anvil_setCode', REVERTING, REVERT_CODE);
  await anvil.rpc('anvil_setCode', COUNTER, COUNTER_CODE);
});
afterAll(() => anvil.close());
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

/** Only who never answers is given little time: on a busy machine any answer may be late. */
function newClient(
  rpcUrls: readonly string[] = [anvil.url],
  id = 31337,
  requestTimeoutMs = 20_000,
  clock = systemClock,
): ChainClient {
  const client = createChainClient({
    chainId: chainId(id),
    name: 'local',
    rpcUrls,
    clock,
    requestTimeoutMs,
    logger: silentLogger,
  });
  open.push(client);
  return client;
}

/** An HTTP server that answers each JSON-RPC request by `answer`, or never when it returns undefined. */
async function serve(
  answer: (body: string) => { status: number; body: string } | undefined,
): Promise<string> {
  const server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const reply = answer(body);
    if (reply === undefined) return;
    response.writeHead(reply.status, { 'content-type': 'application/json' }).end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function setStorage(value: number) {
  await anvil.rpc('anvil_setStorageAt', COUNTER, '0x0', `0x${value.toString(16).padStart(64, '0')}`);
  await anvil.rpc('evm_mine');
}

describe('a chain client', () => {
  test('default: reads head, blocks by number and hash, code, and logs', async () => {
    const client = newClient();
    await client.start();
    const topic = parseHash32(`0x${'cd'.repeat(32)}`);
    await emitLog(anvil, topic, '0x1234');
    await anvil.rpc('evm_mine');
    const head = await client.head();
    expect(await client.block(head.number)).toEqual(head);
    expect(await client.block(head.hash)).toEqual(head);
    expect((await client.block(blockNumber(head.number - 1)))?.hash).toBe(head.parentHash);
    expect(await client.block(blockNumber(head.number + 10))).toBeUndefined();
    expect((await client.code(LOG_EMITTER, 'latest')).length).toBeGreaterThan(0);
    const filter = { addresses: [LOG_EMITTER], topics: [topic] };
    const logs = await client.logs(filter, { blockHash: head.hash });
    expect(logs).toMatchObject([{ address: LOG_EMITTER, blockNumber: head.number, blockHash: head.hash }]);
    expect(toHex(logs[0]?.data ?? new Uint8Array())).toBe('0x1234');
    expect(await client.logs(filter, { fromBlock: head.number, toBlock: head.number })).toEqual(logs);
  });

  test('behavior: keeps what calls at a past block returned until it is told of a reorg', async () => {
    await setStorage(1);
    const client = newClient();
    const at = (await client.head()).number;
    const call = { to: COUNTER, data: new Uint8Array(), at };
    const [first, second] = await Promise.all([client.call(call), client.call(call)]);
    expect(first[31]).toBe(1);
    expect(second).toBe(first);
    await anvil.rpc('anvil_reorg', 1, []);
    expect(await client.call(call)).toBe(first);
    client.forgetFrom(blockNumber(at + 1));
    expect(await client.call(call)).toBe(first);
    client.forgetFrom(at);
    expect(await client.call(call)).not.toBe(first);
  });

  test('behavior: asks anew for the latest state', async () => {
    const client = newClient();
    const call = { to: COUNTER, data: new Uint8Array(), at: 'latest' } as const;
    await setStorage(5);
    expect((await client.call(call))[31]).toBe(5);
    await setStorage(6);
    expect((await client.call(call))[31]).toBe(6);
  });

  test('error: a revert is named', async () => {
    const call = newClient().call({ to: REVERTING, data: new Uint8Array(), at: 'latest' });
    await expect(call).rejects.toMatchObject({
      code: 'CONTRACT_REVERTED',
      message: 'the contract call reverted with ThresholdNotMet()',
      facts: { error: 'ThresholdNotMet', selector: '0x59fa4a93' },
    });
  });

  test('error: a block that the endpoint does not have yet can be asked for again, and is not kept', async () => {
    const client = newClient();
    const at = blockNumber((await client.head()).number + 1);
    const call = { to: COUNTER, data: fromHex(parseHex('0xaa')), at };
    await expect(client.call(call)).rejects.toMatchObject({ code: 'CHAIN_RPC', kind: 'retryable' });
    await anvil.rpc('evm_mine');
    await expect(client.call(call)).resolves.toHaveLength(32);
  });

  test('error: an endpoint of another chain', async () => {
    await expect(newClient([anvil.url], 1).start()).rejects.toMatchObject({
      code: 'CHAIN_MISMATCH',
      facts: { expected: 1, found: 31337n },
    });
  });

  test('error: nobody listens; the message names the host and nothing secret', async () => {
    const unused = await serve(() => undefined);
    await open.pop()?.close();
    const url = unused.replace('http://', 'http://user:pa55@');
    const error = await newClient([`${url}/v3/t0ken?key=k3y`])
      .start()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CHAIN_UNREACHABLE' });
    expect(explain(error)).toContain(new URL(unused).host);
    expect(explain(error)).toMatch(/ECONNREFUSED/);
    expect(explain(error)).not.toMatch(/pa55|t0ken|k3y/);
  });

  test('error: an endpoint that hangs', async () => {
    const error = await newClient([await serve(() => undefined)], 31337, 50)
      .start()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CHAIN_UNREACHABLE', kind: 'retryable' });
    expect(explain(error)).toContain('no answer within 50 ms');
  });

  test.each([
    ['is overloaded', { status: 503, body: 'busy' }, 'CHAIN_UNREACHABLE', 'HTTP status 503'],
    ['limits requests', { status: 429, body: '' }, 'CHAIN_RATE_LIMITED', 'HTTP status 429'],
    ['speaks HTML', { status: 200, body: '<html>' }, 'CHAIN_RPC', 'not JSON-RPC'],
    ['answers null', { status: 200, body: 'null' }, 'CHAIN_RPC', 'not JSON-RPC'],
  ])('error: an endpoint that %s', async (_case, answer, code, text) => {
    const error = await newClient([await serve(() => answer)])
      .start()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, kind: 'retryable' });
    expect(explain(error)).toContain(text);
  });

  test('behavior: the next endpoint answers when the first does not', async () => {
    let asked = 0;
    const broken = await serve(() => {
      asked++;
      return { status: 502, body: '' };
    });
    const client = newClient([broken, anvil.url]);
    await client.start();
    const before = asked;
    expect((await client.head()).number).toBeGreaterThan(0);
    await client.head();
    // It was asked at the start, and is left alone for a while.
    expect(asked).toBe(before);
  });

  /** An endpoint of the chain that gives each method's scripted result, null by default. */
  function scripted(results: Readonly<Record<string, unknown>>) {
    return serve((text) => {
      const request: { id: number; method: string } = JSON.parse(text);
      const result = request.method === 'eth_chainId' ? '0x7a69' : (results[request.method] ?? null);
      return { status: 200, body: JSON.stringify({ jsonrpc: '2.0', id: request.id, result }) };
    });
  }

  test('behavior: the next endpoint is asked when the first answers null', async () => {
    const client = newClient([await scripted({}), anvil.url]);
    expect((await client.head()).number).toBeGreaterThan(0);
    const other = newClient([await scripted({}), anvil.url]);
    const filter = { addresses: [LOG_EMITTER], topics: [] };
    const place = { fromBlock: blockNumber(0), toBlock: blockNumber(0) };
    expect(await other.logs(filter, place)).toEqual([]);
  });

  const textless = { toString: 1, valueOf: 1 };
  test.each<[string, object]>([
    ['an error whose sentence is a number', { error: { code: -32_000, message: 5 } }],
    ['an error of which nothing is text', { error: { code: textless, message: textless, data: textless } }],
    ['a hash that is none', { result: { ...aReceipt, blockHash: '0x12' } }],
    ['a hash that is no text', { result: { ...aReceipt, transactionHash: textless } }],
    ['a block of no chain', { result: { ...aReceipt, blockNumber: `0x${'f'.repeat(64)}` } }],
  ])('behavior: the next endpoint is asked when the first answers with %s', async (_case, answer) => {
    const hostile = await serve((text) => {
      const { id, method }: { id: number; method: string } = JSON.parse(text);
      const said = method === 'eth_chainId' ? { result: '0x7a69' } : answer;
      return { status: 200, body: JSON.stringify({ jsonrpc: '2.0', id, ...said }) };
    });
    const client = newClient([hostile, anvil.url]);
    expect(await new Account(client, REVERTING).receipt(parseHash32(`0x${'77'.repeat(32)}`))).toBeUndefined();
  });

  test.each([
    ['eth_getTransactionCount', '0xffffffffffffffffffff'],
    ['eth_getBlockByNumber', { ...aBlock, timestamp: `0x${'f'.repeat(64)}` }],
  ])('behavior: and when what it gives for %s is more than there can be', async (method, result) => {
    const client = newClient([await scripted({ [method]: result }), anvil.url]);
    const told =
      method === 'eth_getTransactionCount'
        ? await new Account(client, REVERTING).transactionCount('latest')
        : (await client.head()).timestampSeconds;
    expect(told).toBeLessThan(2 ** 40);
  });

  test('behavior: an endpoint that stays behind the others is left for last', async () => {
    const genesis = await anvil.rpc('eth_getBlockByNumber', '0x0', false);
    const frozen = await scripted({ eth_getBlockByNumber: genesis });
    const clock = manualClock();
    const client = newClient([frozen, anvil.url], 31337, 20_000, clock);
    for (let block = 0; block < 3; block++) await anvil.rpc('evm_mine');
    expect((await client.head()).number).toBe(0);
    await clock.advance(15_000);
    const { number } = await newClient().head();
    let head = await client.head();
    while (head.number === 0) head = await client.head();
    expect(head.number).toBe(number);
  });

  test('behavior: an endpoint that turns out to serve another chain is passed over', async () => {
    const liar = await startAnvil({ chainId: 5 });
    open.push(liar);
    const client = newClient([liar.url, anvil.url]);
    expect(await client.head()).toMatchObject({ hash: (await newClient().head()).hash });
  });

  test('behavior: closing ends what is under way', async () => {
    const client = newClient([await serve(() => undefined)]);
    const waiting = client.head().catch((thrown: unknown) => thrown);
    await new Promise((resolve) => setImmediate(resolve));
    await client.close();
    expect(await waiting).toMatchObject({ code: 'ABORTED' });
    await expect(client.head()).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
