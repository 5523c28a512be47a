import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createChannel, createClient, Status } from 'nice-grpc';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import {
  ServerReflectionRequest,
  type ServerReflectionResponse,
} from 'nice-grpc-server-reflection/lib/proto/grpc/reflection/v1/reflection_pb.js';
import { PonosError } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { type ChannelPool, createChannelPool } from '../../src/rpc/channel-pool.js';
import {
  ExecutorServiceDefinition,
  type ExecutorServiceImplementation,
  type TaskResult,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import {
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from '../../src/rpc/generated/grpc/health/v1/health.js';
import { type GrpcServer, startGrpcServer } from '../../src/rpc/server.js';
import { deferred } from '../support/deferred.js';
import { until } from '../support/until.js';

const EXECUTOR_SERVICE = 'eigenlayer.hourglass.v1.ExecutorService';
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type SubmitTask = ExecutorServiceImplementation['submitTask'];

/** A server whose SubmitTask does what the test says; closed after it. */
async function startExecutor(submitTask: SubmitTask): Promise<GrpcServer> {
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [{ definition: ExecutorServiceDefinition, implementation: { submitTask } }],
    logger: silentLogger,
  });
  closers.push(() => server.close(0));
  return server;
}

function openPool(options?: Parameters<typeof createChannelPool>[0]): ChannelPool {
  const pool = createChannelPool(options);
  closers.push(() => pool.close());
  return pool;
}

const echo: SubmitTask = async (request) => ({ taskId: request.taskId, version: 1 });

function portOf(server: Pick<TcpServer, 'address'>): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return address.port;
}

function dial(port: number) {
  const channel = createChannel(`127.0.0.1:${port}`);
  closers.push(() => channel.close());
  return channel;
}

describe('a call', () => {
  test('default: reaches the service and comes back', async () => {
    const server = await startExecutor(echo);
    const client = openPool().executor(`127.0.0.1:${server.port}`);
    expect(await client.submitTask({ taskId: '0xAb' })).toMatchObject({ taskId: '0xAb', version: 1 });
  });

  test('behavior: many calls to one socket share one connection', async () => {
    const peers = new Set<string>();
    const server = await startExecutor(async (request, context) => {
      peers.add(context.peer);
      return { taskId: request.taskId };
    });
    const pool = openPool();
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        pool.executor(`127.0.0.1:${server.port}`).submitTask({ taskId: String(index) }),
      ),
    );
    expect(results.map((result) => result.taskId)).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
    expect(peers.size).toBe(1);
    expect([...peers][0]).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(pool.size).toBe(1);
  });

  test('behavior: payloads up to the limit of 16 MiB pass, larger ones do not', async () => {
    const server = await startExecutor(async (request) => ({ operatorSetId: request.payload.length }));
    const client = openPool().executor(`127.0.0.1:${server.port}`);
    const large = Buffer.alloc(15 * 1024 * 1024);
    expect(await client.submitTask({ payload: large })).toMatchObject({ operatorSetId: large.length });
    await expect(client.submitTask({ payload: Buffer.alloc(17 * 1024 * 1024) })).rejects.toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
    });
  });

  test('error: a refusal arrives with its status and one line', async () => {
    const server = await startExecutor(async () => {
      throw new PonosError('REQUEST_DENIED', { message: 'not\na member', facts: { path: '/secret' } });
    });
    const call = openPool().executor(`127.0.0.1:${server.port}`).submitTask({});
    await expect(call).rejects.toMatchObject({ code: Status.PERMISSION_DENIED, details: 'not a member' });
  });

  test('error: a defect is INTERNAL and keeps its stack to itself', async () => {
    const server = await startExecutor(async () => {
      throw new TypeError('secret detail');
    });
    const call = openPool().executor(`127.0.0.1:${server.port}`).submitTask({});
    await expect(call).rejects.toMatchObject({ code: Status.INTERNAL, details: 'internal error' });
  });

  test('behavior: a caller that hangs up is noticed by the service', async () => {
    const started = deferred();
    const noticed = deferred();
    const server = await startExecutor((_request, context) => {
      context.signal.addEventListener('abort', () => noticed.resolve());
      started.resolve();
      return new Promise<never>(() => undefined);
    });
    const hangUp = new AbortController();
    const call = openPool().executor(`127.0.0.1:${server.port}`).submitTask({}, { signal: hangUp.signal });
    await started.promise;
    hangUp.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    await noticed.promise;
  });

  test('error: a host that does not listen fails this call and no other', async () => {
    const server = await startExecutor(echo);
    const pool = openPool();
    const dead = pool.executor('127.0.0.1:1').submitTask({});
    await expect(dead).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(await pool.executor(`127.0.0.1:${server.port}`).submitTask({ taskId: 'x' })).toMatchObject({
      taskId: 'x',
    });
  });
});

describe('the pool', () => {
  test('behavior: forgets the sockets unused for longest', async () => {
    const server = await startExecutor(echo);
    const pool = openPool({ maxChannels: 2 });
    for (const port of [1, 2, 3]) pool.executor(`127.0.0.1:${port}`);
    expect(pool.size).toBe(2);
    expect(await pool.executor(`127.0.0.1:${server.port}`).submitTask({ taskId: 'x' })).toMatchObject({
      taskId: 'x',
    });
  });

  test('behavior: a connection without calls is closed, and another opened for the next call', async () => {
    const server = await startExecutor(echo);
    const pool = openPool({ idleMs: 1 });
    const client = pool.executor(`127.0.0.1:${server.port}`);
    for (const taskId of ['x', 'y']) {
      expect(await client.submitTask({ taskId })).toMatchObject({ taskId });
      await until('the connection is closed', () => pool.connections === 0);
    }
    expect(pool.size).toBe(1);
  });

  test('behavior: keeps a socket with a call in flight', async () => {
    const started = deferred();
    const release = deferred();
    const server = await startExecutor(async () => {
      started.resolve();
      await release.promise;
      return { version: 7 };
    });
    const pool = openPool({ maxChannels: 1 });
    const call = pool.executor(`127.0.0.1:${server.port}`).submitTask({});
    await started.promise;
    pool.executor('127.0.0.1:1');
    expect(pool.size).toBe(2);
    release.resolve();
    expect(await call).toMatchObject({ version: 7 });
  });

  test('error: a socket with a scheme, and any socket after close', () => {
    const pool = openPool();
    expect(() => pool.executor('unix:/var/run/docker.sock')).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    );
    pool.close();
    expect(() => pool.executor('127.0.0.1:1')).toThrow(expect.objectContaining({ code: 'ABORTED' }));
  });
});

describe('every port', () => {
  test('default: says that it serves, as a whole and per service', async () => {
    const server = await startExecutor(echo);
    const health = createClient(HealthDefinition, dial(server.port));
    const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
    expect(await health.check({})).toEqual({ status: SERVING });
    expect(await health.check({ service: EXECUTOR_SERVICE })).toEqual({ status: SERVING });
    server.setServing(false, EXECUTOR_SERVICE);
    expect(await health.check({ service: EXECUTOR_SERVICE })).toEqual({ status: NOT_SERVING });
    await expect(health.check({ service: 'no.such.Service' })).rejects.toMatchObject({
      code: Status.NOT_FOUND,
    });
  });

  test.each(['v1', 'v1alpha'])('default: describes its services by reflection %s', async (version) => {
    const server = await startExecutor(echo);
    const path = ServerReflectionService.serverReflectionInfo.path.replace('.v1.', `.${version}.`);
    const client = createClient(
      {
        serverReflectionInfo: { ...ServerReflectionService.serverReflectionInfo, path },
      } as typeof ServerReflectionService,
      dial(server.port),
    );
    async function* requests() {
      yield new ServerReflectionRequest().setListServices('');
      yield new ServerReflectionRequest().setFileContainingSymbol(EXECUTOR_SERVICE);
    }
    const [services, file] = await collect(client.serverReflectionInfo(requests()));
    const names = services
      ?.getListServicesResponse()
      ?.getServiceList()
      .map((service) => service.getName());
    expect(names).toEqual(expect.arrayContaining([EXECUTOR_SERVICE, 'grpc.health.v1.Health']));
    const descriptor = file?.getFileDescriptorResponse()?.getFileDescriptorProtoList_asU8()[0];
    expect(Buffer.from(descriptor ?? []).toString('latin1')).toContain('task_block_number');
  });

  test('behavior: tolerates a peer that pings without streams', async () => {
    const server = await startExecutor(echo);
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    closers.push(() => session.destroy());
    await once(session, 'connect');
    for (let ping = 0; ping < 200; ping += 1) {
      await new Promise<void>((resolve, reject) => {
        session.ping((error) => (error === null ? resolve() : reject(error)));
      });
    }
    expect(session.closed).toBe(false);
  });

  test('behavior: garbage on one connection leaves the others alone', async () => {
    const server = await startExecutor(echo);
    const socket = connectTcp(server.port, '127.0.0.1');
    closers.push(() => void socket.destroy());
    const hungUp = new Promise<void>((resolve) =>
      socket.on('close', () => resolve()).on('error', () => undefined),
    );
    socket.write('GET / HTTP/1.1\r\n\r\n');
    socket.resume();
    await hungUp;
    const client = openPool().executor(`127.0.0.1:${server.port}`);
    expect(await client.submitTask({ taskId: 'x' })).toMatchObject({ taskId: 'x' });
  });

  test('error: a taken port is named', async () => {
    const blocker = createTcpServer();
    blocker.listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    closers.push(() => void blocker.close());
    const port = portOf(blocker);
    const start = startGrpcServer({ host: '127.0.0.1', port, services: [], logger: silentLogger });
    await expect(start).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: `port ${port} is in use`,
      advice: expect.stringContaining('another port'),
    });
  });
});

describe('close', () => {
  test('default: lets a call finish, and takes no new one', async () => {
    const started = deferred();
    const release = deferred();
    const server = await startExecutor(async () => {
      started.resolve();
      await release.promise;
      return { version: 1 };
    });
    const call = openPool().executor(`127.0.0.1:${server.port}`).submitTask({});
    await started.promise;
    const closed = server.close(60_000);
    await expect(openPool().executor(`127.0.0.1:${server.port}`).submitTask({})).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
    });
    release.resolve();
    expect(await call).toMatchObject({ version: 1 });
    await closed;
  });

  test('behavior: cancels what is left after the grace time, and may be called twice', async () => {
    const started = deferred();
    const server = await startExecutor(() => {
      started.resolve();
      return new Promise<TaskResult>(() => undefined);
    });
    const call = openPool().executor(`127.0.0.1:${server.port}`).submitTask({});
    const failed = expect(call).rejects.toThrow();
    await started.promise;
    await Promise.all([server.close(10), server.close(10)]);
    await failed;
  });

  test('behavior: ends health watches at once, after telling them', async () => {
    const server = await startExecutor(echo);
    const health = createClient(HealthDefinition, dial(server.port));
    const statuses: HealthCheckResponse_ServingStatus[] = [];
    let closed: Promise<void> | undefined;
    const watch = (async () => {
      for await (const { status } of health.watch({})) {
        statuses.push(status);
        closed ??= server.close(60_000);
      }
    })();
    await expect(watch).rejects.toThrow();
    await closed;
    expect(statuses[0]).toBe(HealthCheckResponse_ServingStatus.SERVING);
  });
});

async function collect(
  responses: AsyncIterable<ServerReflectionResponse>,
): Promise<ServerReflectionResponse[]> {
  const all: ServerReflectionResponse[] = [];
  for await (const response of responses) all.push(response);
  return all;
}
