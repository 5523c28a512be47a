import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { silentLogger } from '../../../src/base/logger.js';
import { checkHealth } from '../../../src/operations/health.js';
import { startGrpcServer } from '../../../src/rpc/server.js';
import { createAuthority } from '../../support/certificates.js';
import { withTemporaryFolder } from '../../support/temporary-folder.js';

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
    message: expect.stringContaining('ECONNREFUSED'),
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
  await expect(checkHealth({ address: 'localhost', timeoutMs: 1 })).rejects.toMatchObject({ code: 'USAGE' });
});

test('default: a node with TLS, whose certificate is for its public name', async () => {
  const authority = await createAuthority();
  const { cert, key } = await authority.issue({ hosts: ['executor.example'] });
  const current = { cert, key, ca: authority.cert };
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    services: [],
    logger: silentLogger,
    tls: { current, onChange: () => () => undefined, requireClientCert: true },
  });
  closers.push(() => server.close(0));
  const question = { address: `127.0.0.1:${server.port}`, timeoutMs: 5_000 };
  await withTemporaryFolder(async (folder) => {
    const file = (name: string, text: string) => {
      fs.writeFileSync(path.join(folder, name), text);
      return path.join(folder, name);
    };
    const caFile = file('ca.crt', authority.cert);
    const own = { certFile: file('own.crt', cert), keyFile: file('own.key', key) };
    await checkHealth({ ...question, tls: { caFile, ...own, serverName: 'executor.example' } });
    for (const tls of [
      undefined,
      { caFile, ...own },
      { caFile, serverName: 'executor.example' },
      { ...own, serverName: 'executor.example' },
    ]) {
      const failure = { code: 'PEER_UNREACHABLE' };
      await expect(checkHealth({ ...question, tls, timeoutMs: 2_000 })).rejects.toMatchObject(failure);
    }
  });
});
