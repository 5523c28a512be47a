import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { silentLogger } from '../../../src/base/logger.js';
import { askHealth, checkHealth, type HealthFlags } from '../../../src/operations/health.js';
import { startGrpcServer } from '../../../src/rpc/server.js';
import {
  type CertificateRequest,
  createAuthority,
  type TestAuthority,
  type TestCertificate,
} from '../../support/certificates.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function node() {
  const server = await startGrpcServer({ host: '127.0.0.1', port: 0, services: [], logger: silentLogger });
  closers.push(() => server.close(0));
  return { server, address: `127.0.0.1:${server.port}` };
}

test('default: a node that serves', async () => {
  const { address } = await node();
  await expect(checkHealth({ address, timeoutMs: 5_000 })).resolves.toBeUndefined();
});

test('error: a node, or one of its services, that does not serve now', async () => {
  const { server, address } = await node();
  server.setServing(false, 'a.Service');
  await checkHealth({ address, timeoutMs: 5_000 });
  const failure = { code: 'PEER_UNREACHABLE', message: 'the node says NOT_SERVING' };
  await expect(checkHealth({ address, service: 'a.Service', timeoutMs: 5_000 })).rejects.toMatchObject(
    failure,
  );
  server.setServing(false);
  await expect(checkHealth({ address, timeoutMs: 5_000 })).rejects.toMatchObject(failure);
});

test('error: a service that the node does not have', async () => {
  const { address } = await node();
  await expect(checkHealth({ address, service: 'no.Such', timeoutMs: 5_000 })).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
    message: 'the node has no service of this name',
  });
});

test('error: nobody listens', async () => {
  await expect(checkHealth({ address: '127.0.0.1:1', timeoutMs: 5_000 })).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
    // Nothing that grpc-js has put behind it, such as the time, or a note without words.
    message: expect.stringMatching(/ECONNREFUSED 127\.0\.0\.1:1$/),
  });
});

test('error: somebody listens and says nothing', async () => {
  const sockets = new Set<net.Socket>();
  const mute = net.createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    mute.close();
  });
  const { port } = mute.address() as net.AddressInfo;
  await expect(checkHealth({ address: `127.0.0.1:${port}`, timeoutMs: 300 })).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
    message: 'the node has not answered within 0.3 seconds',
  });
});

test('error: an address that is none', async () => {
  await expect(askHealth({ address: 'localhost', timeout: 1 }, {})).rejects.toMatchObject({ code: 'USAGE' });
});

describe('a node with TLS', () => {
  let authority: TestAuthority;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    authority = await createAuthority();
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());

  async function secured(request: CertificateRequest = {}, options: { mutual?: boolean } = {}) {
    const { cert, key } = await authority.issue(request);
    const server = await startGrpcServer({
      host: '127.0.0.1',
      port: 0,
      services: [],
      logger: silentLogger,
      tls: {
        current: { cert, key, ca: options.mutual ? authority.cert : undefined },
        onChange: () => () => undefined,
        requireClientCert: options.mutual === true,
      },
    });
    closers.push(() => server.close(0));
    return `127.0.0.1:${server.port}`;
  }

  const file = (name: string, text: string) => {
    fs.writeFileSync(path.join(folder.path, name), text, { mode: 0o600 });
    return path.join(folder.path, name);
  };
  const trusting = () => ({ tlsCaFile: file('ca.crt', authority.cert) });
  const showing = ({ cert, key }: TestCertificate) => ({
    tlsCertFile: file('own.crt', cert),
    tlsKeyFile: file('own.key', key),
  });
  const ask = (flags: Omit<HealthFlags, 'timeout'>) => askHealth({ ...flags, timeout: 5 }, {});
  const day = 24 * 60 * 60_000;

  test('default: by its authority, by the name it is for, with a certificate of its own', async () => {
    const address = await secured({ hosts: ['executor.example'] }, { mutual: true });
    const flags = { address, ...trusting(), ...showing(await authority.issue()) };
    await expect(ask({ ...flags, tlsServerName: 'executor.example' })).resolves.toBeUndefined();
  });

  test.each<[string, () => Promise<Omit<HealthFlags, 'timeout'>>, string, RegExp]>([
    [
      'it is called in plaintext',
      async () => ({ address: await secured() }),
      'the node speaks TLS on this port, and was called without',
      /--tls-ca-file/,
    ],
    [
      'it wants a certificate, and is called in plaintext',
      async () => ({ address: await secured({}, { mutual: true }) }),
      'the node speaks TLS on this port, and was called without',
      /--tls-ca-file/,
    ],
    [
      'it has none, and is called with it',
      async () => ({ address: (await node()).address, tls: true }),
      'the node does not speak TLS on this port',
      /--no-tls/,
    ],
    [
      'its authority is not known',
      async () => ({ address: await secured(), tls: true }),
      'the certificate of the node is of an authority that is not known here',
      /--tls-ca-file/,
    ],
    [
      'its authority is another of the same name',
      async () => ({ address: await secured(), tlsCaFile: file('b.crt', (await createAuthority()).cert) }),
      'the certificate of the node is of an authority that is not known here',
      /--tls-ca-file/,
    ],
    [
      'its certificate has expired',
      async () => ({ address: await secured({ notAfter: new Date(Date.now() - 60_000) }), ...trusting() }),
      'the certificate of the node has expired',
      /grpc\.tls\.certFile/,
    ],
    [
      'its certificate is not valid yet',
      async () => ({ address: await secured({ notBefore: new Date(Date.now() + day) }), ...trusting() }),
      'the certificate of the node is not valid yet',
      /clocks/,
    ],
    [
      'its certificate is for another host',
      async () => ({ address: await secured({ hosts: ['executor.example'] }), ...trusting() }),
      'the certificate of the node is not for 127.0.0.1',
      /--tls-server-name/,
    ],
    [
      'it requires a certificate',
      async () => ({ address: await secured({}, { mutual: true }), ...trusting() }),
      'the node requires a certificate of its callers',
      /--tls-cert-file and --tls-key-file/,
    ],
    [
      'it does not accept ours',
      async () => ({
        address: await secured({}, { mutual: true }),
        ...trusting(),
        ...showing(await (await createAuthority()).issue()),
      }),
      'the node closed the connection within the TLS handshake, or right after it, as nodes do that do not accept a certificate',
      /--tls-cert-file and --tls-key-file/,
    ],
  ])('error: %s', async (_case, flagsOf, message, advice) => {
    const failure = await ask(await flagsOf()).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'PEER_UNREACHABLE',
      message,
      advice: expect.stringMatching(advice),
    });
  });
});

test('default: the port that the environment names', async () => {
  const { address } = await node();
  await expect(askHealth({ timeout: 5 }, { PONOS_HEALTH_ADDRESS: address })).resolves.toBeUndefined();
});

test('error: neither a port nor a configuration', async () => {
  await expect(askHealth({ timeout: 1 }, {})).rejects.toMatchObject({ code: 'USAGE' });
});
