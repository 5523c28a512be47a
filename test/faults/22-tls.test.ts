/** TLS on every port and of the calls that are made: who is let in, whom is believed, and renewals under load. */
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createServer } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ClientError, createChannel, createClient, Status } from 'nice-grpc';
import { classifyFailure } from '../../src/aggregator/distribute.js';
import { freePorts } from '../../src/base/free-ports.js';
import { silentLogger } from '../../src/base/logger.js';
import type { TlsMaterial } from '../../src/base/tls-material.js';
import {
  type ExecutorServers,
  type ExecutorServersOptions,
  startExecutorServers,
} from '../../src/executor/servers.js';
import { type ChannelPool, createChannelPool } from '../../src/rpc/channel-pool.js';
import {
  ExecutorManagementServiceDefinition,
  TaskResult,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import {
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from '../../src/rpc/generated/grpc/health/v1/health.js';
import { PerformerServiceDefinition } from '../../src/rpc/generated/ponos/v1/performers.js';
import { type Dial, dialRule, type NodeTls, openNodeTls } from '../../src/rpc/open-tls.js';
import { createAuthority, type TestAuthority, type TestCertificate } from '../support/certificates.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

let authority: TestAuthority;
let stranger: TestAuthority;
let folder: TemporaryFolder;
let clock: ManualClock;
const closers: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  authority = await createAuthority('operators');
  stranger = await createAuthority('operators');
});
beforeEach(async () => {
  folder = await temporaryFolder();
  clock = manualClock(Date.now());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await folder.remove();
});

const pathOf = (name: string) => join(folder.path, name);

async function place(name: string, { cert, key }: TestCertificate): Promise<void> {
  await writeFile(pathOf(`${name}.key`), key, { mode: 0o600 });
  await writeFile(pathOf(`${name}.crt`), cert);
}

/** An executor's two ports with a certificate of the authority, as its configuration opens them. */
async function openPorts(options: { readonly mutual?: boolean; readonly hosts?: string[] } = {}) {
  await place('server', await authority.issue({ hosts: options.hosts }));
  await writeFile(pathOf('ca.crt'), authority.cert);
  const tls = await openNodeTls(
    {
      grpc: {
        clientTls: undefined,
        tls: {
          certFile: pathOf('server.crt'),
          keyFile: pathOf('server.key'),
          caFile: options.mutual === undefined ? undefined : pathOf('ca.crt'),
          requireClientCert: options.mutual === true,
        },
      },
    },
    { clock, logger: silentLogger },
  );
  closers.push(() => tls.close());
  return { tls, servers: await startServers(tls) };
}

/** Each method of a service does nothing. */
function idle<T>({ methods }: { readonly methods: object }): T {
  return Object.fromEntries(Object.keys(methods).map((name) => [name, async () => ({})])) as T;
}

async function startServers(tls: NodeTls): Promise<ExecutorServers> {
  const [managementServerGrpcPort = 0] = await freePorts(1);
  const servers = await startExecutorServers({
    config: {
      grpc: { host: '127.0.0.1', tls: undefined, clientTls: undefined },
      grpcPort: 0,
      managementServerGrpcPort,
      authentication: { enabled: undefined, bindRequest: false },
      limits: { maxPayloadBytes: 1000 } as ExecutorServersOptions['config']['limits'],
    },
    submit: async ({ taskId }) => ({ ...TaskResult.create(), taskId }),
    management: idle(ExecutorManagementServiceDefinition),
    performers: idle(PerformerServiceDefinition),
    tls: tls.server,
    clock,
    logger: silentLogger,
  });
  closers.push(() => servers.close(0));
  servers.setServing(true);
  return servers;
}

function pool(dial: Dial): ChannelPool {
  const channels = createChannelPool({ dial });
  closers.push(() => channels.close());
  return channels;
}

const withTls = (material: TlsMaterial): Dial =>
  dialRule({ tlsEnabled: false, client: { current: material } });
const plaintext: Dial = dialRule({ tlsEnabled: false, client: undefined });

/** What a caller with these credentials gets from the port: `served`, or gRPC's words. */
async function ask(port: number, dial: Dial, host = '127.0.0.1'): Promise<string> {
  const channel = createChannel(`dns:127.0.0.1:${port}`, dial('127.0.0.1', host), {
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    const { status } = await createClient(HealthDefinition, channel).check({});
    return status === HealthCheckResponse_ServingStatus.SERVING ? 'served' : 'not serving';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    channel.close();
  }
}

describe.each(['grpcPort', 'managementPort'] as const)('TLS on the %s', (name) => {
  test('default: who trusts the authority is served, whoever else asks is not', async () => {
    const { servers } = await openPorts();
    const port = servers[name];
    expect(await ask(port, withTls({ ca: authority.cert }))).toBe('served');
    expect(await ask(port, plaintext)).toMatch(/UNAVAILABLE/);
    // Another authority of the same name, and those that Node.js knows.
    expect(await ask(port, withTls({ ca: stranger.cert }))).toMatch(/UNAVAILABLE.*certificate/);
    expect(await ask(port, withTls({}))).toMatch(/UNAVAILABLE.*certificate/);
  });

  test('behavior: with requireClientCert only certificates of the authority are let in', async () => {
    const { servers } = await openPorts({ mutual: true });
    const port = servers[name];
    const ca = authority.cert;
    expect(await ask(port, withTls({ ca, ...(await authority.issue({ usages: ['client'] })) }))).toBe(
      'served',
    );
    expect(await ask(port, withTls({ ca }))).toMatch(/UNAVAILABLE/);
    expect(await ask(port, withTls({ ca, ...(await stranger.issue()) }))).toMatch(/UNAVAILABLE/);
    const expired = await authority.issue({ notAfter: new Date(Date.now() - 60_000) });
    expect(await ask(port, withTls({ ca, ...expired }))).toMatch(/UNAVAILABLE/);
  });

  test('behavior: without it, a client may show none, but no wrong one', async () => {
    const { servers } = await openPorts({ mutual: false });
    const port = servers[name];
    const ca = authority.cert;
    expect(await ask(port, withTls({ ca }))).toBe('served');
    expect(await ask(port, withTls({ ca, ...(await authority.issue()) }))).toBe('served');
    expect(await ask(port, withTls({ ca, ...(await stranger.issue()) }))).toMatch(/UNAVAILABLE/);
  });
});

describe('calls with TLS', () => {
  test('behavior: the server must be who the socket names, by name or by address', async () => {
    const { servers } = await openPorts({ hosts: ['executor.example'] });
    const dial = withTls({ ca: authority.cert });
    expect(await ask(servers.grpcPort, dial, 'executor.example')).toBe('served');
    expect(await ask(servers.grpcPort, dial, 'other.example')).toMatch(/UNAVAILABLE.*altnames/);
    expect(await ask(servers.grpcPort, dial, '127.0.0.1')).toMatch(/UNAVAILABLE.*IP/);
    const channels = pool(dial);
    const socket = `127.0.0.1:${servers.grpcPort}`;
    expect(await channels.executor(socket, 'executor.example').submitTask({ taskId: 'x' })).toMatchObject({
      taskId: 'x',
    });
    await expect(channels.executor(socket).submitTask({})).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
    });
  });

  /** What an executor's client is told of a call that finds no connection. */
  const failureOf = async (port: number, dial: Dial): Promise<string> => {
    const called = pool(dial).executor(`127.0.0.1:${port}`).submitTask({});
    const error = await called.then(
      () => undefined,
      (failure: unknown) => failure,
    );
    if (error instanceof ClientError) return classifyFailure(error).reason;
    throw new Error('the call has not failed');
  };

  test('error: what TLS has to do with it is told, whatever grpc-js makes of it', async () => {
    const ca = authority.cert;
    const expired = await authority.issue({ notAfter: new Date(Date.now() - 60_000) });
    const { servers } = await openPorts({ mutual: true });
    const port = servers.grpcPort;
    expect(await failureOf(port, withTls({ ca }))).toMatch(
      /^UNAVAILABLE: no TLS connection: the node (requires a certificate of its callers|closed the connection .* require a certificate) \(/,
    );
    expect(await failureOf(port, withTls({ ca, ...expired }))).toMatch(
      /^UNAVAILABLE: no TLS connection: the node (does not accept the certificate that it was shown|closed the connection .* do not accept a certificate) \(/,
    );
    expect(await failureOf(port, withTls({ ca: stranger.cert }))).toMatch(
      /^UNAVAILABLE: no TLS connection: the certificate of the node is of an authority that is not known here \(/,
    );
    expect(await failureOf(port, plaintext)).toMatch(
      /^UNAVAILABLE: No connection established\. Last error: [^()]*[^ .] \(called without TLS: grpc\.clientTls and tlsEnabled ask for it\)$/,
    );
  });

  test('error: an alert after the handshake, and a port where nobody listens', async () => {
    // As servers have it that are not of Node.js: the alert says why.
    const server = createServer({
      ...(await authority.issue()),
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
    });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const dial = withTls({ ca: authority.cert });
    const channels = pool(dial);
    const ask = () => channels.executor(`127.0.0.1:${port}`).submitTask({}).catch(classifyFailure);
    expect(await ask()).toEqual({
      reason:
        'UNAVAILABLE: no TLS connection: the node requires a certificate of its callers (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED)',
      final: false,
    });
    await new Promise((resolve) => server.close(resolve));
    // Nothing of TLS any more, on the same channel.
    while (!/ECONNREFUSED/.test(((await ask()) as { reason: string }).reason)) await nextTurn();
  });

  test.each<[string, Parameters<typeof dialRule>[0], string, boolean]>([
    ['nothing is asked for', { tlsEnabled: false, client: undefined }, '192.0.2.1', false],
    ['tlsEnabled', { tlsEnabled: true, client: undefined }, '192.0.2.1', true],
    ['tlsEnabled, IPv6', { tlsEnabled: true, client: undefined }, '2001:db8::1', true],
    ['tlsEnabled, on this machine', { tlsEnabled: true, client: undefined }, '127.0.0.1', false],
    ['tlsEnabled, on this machine over IPv6', { tlsEnabled: true, client: undefined }, '::1', false],
    ['clientTls', { tlsEnabled: false, client: { current: {} } }, '192.0.2.1', true],
    ['clientTls, on this machine', { tlsEnabled: true, client: { current: {} } }, '127.0.0.1', true],
  ])('behavior: %s', (_name, rule, address, secure) => {
    expect(dialRule(rule)(address, address)._isSecure()).toBe(secure);
  });
});

describe('renewal', () => {
  test('behavior: new certificates are used from the next look on, and no call fails by it', async () => {
    const { tls, servers } = await openPorts({ mutual: true });
    const ca = authority.cert;
    await place('client', await authority.issue());
    const client = await openNodeTls(
      {
        grpc: {
          tls: undefined,
          clientTls: {
            certFile: pathOf('client.crt'),
            keyFile: pathOf('client.key'),
            caFile: pathOf('ca.crt'),
          },
        },
      },
      { clock, logger: silentLogger },
    );
    closers.push(() => client.close());
    const socket = `127.0.0.1:${servers.grpcPort}`;
    const old = pool(client.dial);
    const calls: Promise<unknown>[] = [];
    const underLoad = (channels: ChannelPool) => {
      for (let call = 0; call < 50; call += 1) {
        calls.push(channels.executor(socket).submitTask({ taskId: String(calls.length) }));
      }
    };
    underLoad(old);
    // With one answer there is a connection: in the middle of a handshake each side would have another authority.
    await calls[0];
    // Another authority for both sides: who has only the old certificates has no part in it any more.
    await place('server', await stranger.issue());
    await place('client', await stranger.issue());
    await writeFile(pathOf('ca.crt'), stranger.cert);
    underLoad(old);
    await Promise.all([tls.reload(), client.reload()]);
    underLoad(old);
    underLoad(pool(client.dial));
    await Promise.all(calls);
    expect(calls).toHaveLength(200);
    const renewed = withTls({ ca: stranger.cert, ...(await stranger.issue()) });
    expect(await ask(servers.grpcPort, renewed)).toBe('served');
    expect(await ask(servers.managementPort, renewed)).toBe('served');
    const left = withTls({ ca, ...(await authority.issue()) });
    expect(await ask(servers.grpcPort, left)).toMatch(/UNAVAILABLE/);
  });

  test('behavior: a broken file changes nothing', async () => {
    const { tls, servers } = await openPorts();
    await writeFile(pathOf('server.crt'), 'half a certif');
    await tls.reload();
    expect(await ask(servers.grpcPort, withTls({ ca: authority.cert }))).toBe('served');
    // The key of another certificate: the first of two files that are being replaced.
    await place('server', await stranger.issue());
    await writeFile(pathOf('server.crt'), (await stranger.issue()).cert);
    await tls.reload();
    expect(await ask(servers.grpcPort, withTls({ ca: authority.cert }))).toBe('served');
  });
});
