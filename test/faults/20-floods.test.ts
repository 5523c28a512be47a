/**
 * Floods over real sockets: whatever one peer does, others are served meanwhile, and what it holds is bounded. The
 * hostile peer calls from another loopback address than the honest one.
 */
import { once, setMaxListeners } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createChannel, createClient, Status } from 'nice-grpc';
import type { Logger } from '../../src/base/logger.js';
import {
  ExecutorServiceDefinition,
  type ExecutorServiceImplementation,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { HealthDefinition } from '../../src/rpc/generated/grpc/health/v1/health.js';
import { type GrpcServer, startGrpcServer } from '../../src/rpc/server.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import {
  callHeaders,
  connectHttp2Raw,
  connectRaw,
  FLAG,
  FRAME,
  flood,
  frame,
  isHeard,
  type RawConnection,
} from '../support/raw-http2.js';

const SUBMIT = '/eigenlayer.hourglass.v1.ExecutorService/SubmitTask';
const CHECK = '/grpc.health.v1.Health/Check';
const closers: (() => Promise<void> | void)[] = [];
let clock: ManualClock;
let lines: string[];
let calls: number;

const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message) => lines.push(message),
  error: (message) => lines.push(message),
  child: () => logger,
};

beforeEach(() => {
  clock = manualClock();
  lines = [];
  calls = 0;
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(
  limits: Parameters<typeof startGrpcServer>[0]['limits'] = {},
  submitTask: ExecutorServiceImplementation['submitTask'] = async ({ taskId }) => ({ taskId }),
): Promise<GrpcServer> {
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [
      {
        definition: ExecutorServiceDefinition,
        implementation: {
          submitTask: (...args) => {
            calls += 1;
            return submitTask(...args);
          },
        },
      },
    ],
    limits,
    clock,
    logger,
  });
  closers.push(() => server.close(0));
  return server;
}

/** A client from 127.0.0.1 with a connection of its own. */
function honest(port: number) {
  const channel = createChannel(`127.0.0.1:${port}`, undefined, { 'grpc.use_local_subchannel_pool': 1 });
  closers.push(() => channel.close());
  return createClient(ExecutorServiceDefinition, channel);
}

async function hostile(connecting: Promise<RawConnection>): Promise<RawConnection> {
  const connection = await connecting;
  closers.push(() => void connection.socket.destroy());
  return connection;
}

const isServed = async (client: ReturnType<typeof honest>) =>
  expect(await client.submitTask({ taskId: 'x' })).toMatchObject({ taskId: 'x' });

/** A message of so many bytes is announced, and so many of it sent. */
function unfinished(stream: number, path: string, announced: number, sent: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(announced, 1);
  return Buffer.concat([
    frame(FRAME.headers, FLAG.endHeaders, stream, callHeaders(path)),
    frame(FRAME.data, 0, stream, head),
    ...Array.from({ length: Math.ceil(sent / 16_000) }, () =>
      frame(FRAME.data, 0, stream, Buffer.alloc(16_000)),
    ),
  ]);
}

describe('connections', () => {
  test('behavior: one peer has so many and no more, and others come in', async () => {
    const server = await start({ maxConnectionsPerPeer: 4 });
    const open = await Promise.all(Array.from({ length: 4 }, () => hostile(connectRaw(server.port))));
    for (let more = 0; more < 40; more += 1) await (await hostile(connectRaw(server.port))).closed;
    expect(open.some(({ socket }) => socket.destroyed)).toBe(false);
    await isServed(honest(server.port));
    // A line each time would be a flood of its own.
    expect(lines.length).toBeLessThanOrEqual(5);
    // Room is there again when one goes.
    open[0]?.socket.destroy();
    await open[0]?.closed;
    for (let answered = false; !answered; ) {
      const next = await hostile(connectHttp2Raw(server.port));
      const data = once(next.socket, 'data').then(() => true);
      answered = await Promise.race([data, next.closed.then(() => false)]);
    }
  });

  test('behavior: a full port closes the connection without calls that was not used for longest', async () => {
    const server = await start({ maxConnections: 3 });
    const used = honest(server.port);
    await isServed(used);
    const first = await hostile(connectRaw(server.port, '127.0.0.9'));
    const second = await hostile(connectRaw(server.port, '127.0.0.10'));
    await isServed(used);
    await isServed(honest(server.port));
    await first.closed;
    expect(second.socket.destroyed).toBe(false);
    await isServed(used);
  });

  test('behavior: who says nothing, or half a word, is closed; who has called stays', async () => {
    const server = await start({ firstCallMs: 30_000 });
    const silent = await hostile(connectRaw(server.port));
    const stuttering = await hostile(connectRaw(server.port));
    stuttering.socket.write('PRI * HTTP/2.0\r\n');
    const settled = await hostile(connectHttp2Raw(server.port));
    const caller = await hostile(connectHttp2Raw(server.port));
    caller.socket.write(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, callHeaders(CHECK)));
    expect(await isHeard(caller)).toBe(true);
    await isServed(honest(server.port));
    await clock.advance(30_000);
    await Promise.all([silent.closed, stuttering.closed, settled.closed]);
    expect(caller.socket.destroyed).toBe(false);
  });
});

describe('requests that do not end', () => {
  test('behavior: one that takes too long loses its connection', async () => {
    const server = await start({ arrivalMs: 60_000 });
    const slow = await hostile(connectHttp2Raw(server.port));
    slow.socket.write(unfinished(1, SUBMIT, 1000, 0));
    expect(await isHeard(slow)).toBe(true);
    const client = honest(server.port);
    await isServed(client);
    while (!slow.socket.destroyed && clock.monotonicMs() < 120_000) {
      await clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await slow.closed;
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(60_000);
    await isServed(client);
    expect(lines).toEqual(['a request did not arrive in time; its connection is closed']);
  });

  test('behavior: when too much of them is held, the connection with most is closed', async () => {
    const server = await start({ maxArrivingBytes: 1024 * 1024 });
    const small = await hostile(connectHttp2Raw(server.port, '127.0.0.10'));
    small.socket.write(unfinished(1, SUBMIT, 1_000_000, 32_000));
    const large = await hostile(connectHttp2Raw(server.port));
    // The window of a connection opens as the server takes in what comes.
    for (let stream = 1; stream < 80; stream += 2)
      large.socket.write(unfinished(stream, SUBMIT, 4_000_000, 48_000));
    const client = honest(server.port);
    for (let looks = 0; looks < 1000 && !large.socket.destroyed; looks += 1) {
      await isServed(client);
      await clock.advance(500);
    }
    await large.closed;
    expect(small.socket.destroyed).toBe(false);
    await isServed(client);
  });
});

describe('calls', () => {
  test('behavior: a connection has so many at once; all together too', async () => {
    const server = await start({ maxConcurrentStreams: 16, maxOpenCalls: 20 });
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    session.on('error', () => undefined);
    closers.push(() => session.destroy());
    await once(session, 'remoteSettings');
    expect(session.remoteSettings.maxConcurrentStreams).toBe(16);
    const hangUp = new AbortController();
    setMaxListeners(0, hangUp.signal);
    const watch = () => {
      const channel = createChannel(`127.0.0.1:${server.port}`, undefined, {
        'grpc.use_local_subchannel_pool': 1,
      });
      closers.push(() => channel.close());
      const iterator = createClient(HealthDefinition, channel)
        .watch({}, { signal: hangUp.signal })
        [Symbol.asyncIterator]();
      return iterator.next();
    };
    await Promise.all(Array.from({ length: 20 }, watch));
    const client = honest(server.port);
    await expect(client.submitTask({})).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      details: 'too many calls are open on this node',
    });
    expect(calls).toBe(0);
    hangUp.abort();
    for (;;) {
      const answer = await client.submitTask({ taskId: 'x' }).catch((error: Error) => error.message);
      if (typeof answer !== 'string') break;
      expect(answer).toContain('too many calls are open');
    }
  });
});

describe('calls that last as long as their caller likes', () => {
  test('behavior: one peer has a share of the calls of a port, and others are served', async () => {
    const server = await start({ maxOpenCalls: 20, maxOpenCallsPerPeer: 12 });
    const watcher = connectHttp2(`http://127.0.0.1:${server.port}`, {
      createConnection: () => connect({ port: server.port, host: '127.0.0.1', localAddress: '127.0.0.9' }),
    });
    watcher.on('error', () => undefined);
    closers.push(() => watcher.destroy());
    /** An empty message: the health of the server as a whole. @returns gRPC's status, or that it goes on */
    const watch = () =>
      new Promise<string>((resolve) => {
        const stream = watcher.request({
          ':method': 'POST',
          ':path': '/grpc.health.v1.Health/Watch',
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        stream.on('error', () => undefined);
        stream.once('response', (headers) =>
          resolve(decodeURI(String(headers['grpc-message'] ?? 'goes on'))),
        );
        stream.end(Buffer.alloc(5));
      });
    const answers = await Promise.all(Array.from({ length: 30 }, watch));
    expect(answers.filter((answer) => answer === 'goes on')).toHaveLength(12);
    expect(answers.filter((answer) => answer.startsWith('too many calls of this peer'))).toHaveLength(18);
    await isServed(honest(server.port));
    watcher.destroy();
  });
});

describe('calls that are taken back', () => {
  const TAKEN_BACK = 'a peer takes back call after call; its connection is closed';
  let next: number;
  beforeEach(() => {
    next = 1;
  });

  /** So many calls, each taken back as soon as it was made: in the middle of its request, or when that is complete. */
  function takenBack(count: number, path: string, isComplete: boolean): Buffer {
    const one = () => {
      const stream = next;
      next += 2;
      return [
        frame(FRAME.headers, FLAG.endHeaders, stream, callHeaders(path)),
        ...(isComplete ? [frame(FRAME.data, FLAG.endStream, stream, Buffer.alloc(5))] : []),
        frame(FRAME.resetStream, 0, stream, Buffer.of(0, 0, 0, 8)),
      ];
    };
    return Buffer.concat(Array.from({ length: count }, one).flat());
  }

  test.each<[string, string, boolean]>([
    ['begun', SUBMIT, false],
    ['complete, and quickly answered', CHECK, true],
  ])(
    'behavior: a flood of them ends the connection at once, and others are served: %s',
    async (_name, ...kind) => {
      const server = await start();
      const client = honest(server.port);
      await isServed(client);
      const peer = await hostile(connectHttp2Raw(server.port));
      const flooding = flood(peer, takenBack(4000, ...kind), 1);
      for (let call = 0; call < 20; call += 1) await isServed(client);
      await flooding;
      // Time stands still.
      await peer.closed;
      expect(lines).toEqual([TAKEN_BACK]);
      await isServed(client);
    },
  );

  test('behavior: so many at one time, and so many a second, are a peer that is in a hurry', async () => {
    const server = await start({ maxTakenBackCalls: 20, takenBackCallsPerSecond: 10 });
    const peer = await hostile(connectHttp2Raw(server.port));
    await once(peer.socket, 'data');
    for (const count of [20, 10, 10]) {
      peer.socket.write(takenBack(count, SUBMIT, false));
      expect(await isHeard(peer)).toBe(true);
      await clock.advance(1000);
    }
    peer.socket.write(takenBack(11, SUBMIT, false));
    await peer.closed;
    expect(lines).toEqual([TAKEN_BACK]);
  });

  test('behavior: calls that are answered are none of them, nor those that a lost connection takes along', async () => {
    const server = await start({ maxTakenBackCalls: 5, takenBackCallsPerSecond: 1 });
    const client = honest(server.port);
    for (let call = 0; call < 30; call += 1) await isServed(client);
    const peer = await hostile(connectHttp2Raw(server.port));
    await once(peer.socket, 'data');
    for (let stream = 1; stream < 40; stream += 2)
      peer.socket.write(frame(FRAME.headers, FLAG.endHeaders, stream, callHeaders(SUBMIT)));
    expect(await isHeard(peer)).toBe(true);
    peer.socket.destroy();
    await peer.closed;
    await isServed(client);
    expect(lines).toEqual([]);
  });
});

describe('floods on one connection', () => {
  const headers = frame(FRAME.headers, FLAG.endHeaders, 1, callHeaders(SUBMIT));
  const pings = Buffer.concat(Array.from({ length: 4000 }, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))));
  const settings = Buffer.concat(
    Array.from({ length: 4000 }, () => frame(FRAME.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 9]))),
  );
  const header = Buffer.concat([
    Buffer.of(0x00, 0x01, 0x61, 0x7f, 0x81, 0x7e), // literal `a` with a value of 16,256 bytes
    Buffer.alloc(16_256, 0x61),
  ]);
  const manyHeaders = Buffer.concat([
    frame(FRAME.headers, 0, 1, callHeaders(SUBMIT)),
    ...Array.from({ length: 64 }, () => frame(FRAME.continuation, 0, 1, header)),
  ]);
  test.each<[string, Buffer, number]>([
    ['pings', pings, 200],
    ['settings', settings, 200],
    ['headers without end', manyHeaders, 1],
  ])('behavior: %s end the connection, and others are served', async (_name, bytes, times) => {
    const server = await start();
    const client = honest(server.port);
    await isServed(client);
    const peer = await hostile(connectHttp2Raw(server.port));
    const flooding = flood(peer, bytes, times);
    for (let call = 0; call < 20; call += 1) await isServed(client);
    await flooding;
    await peer.closed;
    await isServed(client);
    expect(calls).toBe(22);
  });

  test('behavior: a header of 100 KiB is refused', async () => {
    const server = await start();
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    session.on('error', () => undefined);
    closers.push(() => session.destroy());
    const large = session.request({
      ':method': 'POST',
      ':path': SUBMIT,
      'content-type': 'application/grpc',
      large: 'x'.repeat(100 * 1024),
    });
    large.on('error', () => undefined);
    large.resume();
    await new Promise<void>((resolve) => large.once('close', () => resolve()));
    expect(calls).toBe(0);
    await isServed(honest(server.port));
  });

  test('behavior: an honest peer may ping every 10 seconds for as long as it likes', async () => {
    const server = await start();
    const peer = await hostile(connectHttp2Raw(server.port));
    peer.socket.write(headers);
    for (let ping = 0; ping < 300; ping += 1) expect(await isHeard(peer)).toBe(true);
    expect(peer.socket.destroyed).toBe(false);
  });
});
