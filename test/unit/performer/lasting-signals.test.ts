/** Signals that last as long as the node, or its performer, keep nothing of what has ended: it would be kept for ever. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, expect, test } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import type Docker from 'dockerode';
import { systemClock } from '../../../src/base/clock.js';
import { silentLogger } from '../../../src/base/logger.js';
import { createPerformerClient } from '../../../src/performer/client.js';
import { ensureImage } from '../../../src/performer/docker-image.js';
import { createKubernetesApi } from '../../../src/performer/kubernetes-api.js';
import type { PerformerExit } from '../../../src/performer/runtime.js';
import { bringUp } from '../../../src/performer/serving-instance.js';
import { watchInstance } from '../../../src/performer/watch-instance.js';
import { deferred } from '../../support/deferred.js';
import { manualClock } from '../../support/manual-clock.js';
import { AVS } from '../../support/performer-contract.js';
import { scriptedRuntime } from '../../support/scripted-runtime.js';
import { tracesIn } from '../../support/signal-traces.js';
import { until } from '../../support/until.js';

const lasting = new AbortController().signal;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  expect(tracesIn(lasting)).toBe(0);
});

const resources = { memoryBytes: 1, cpus: 1, pids: 1, readOnlyRootfs: false };

async function startInstance() {
  const runtime = scriptedRuntime();
  closers.push(() => runtime.close());
  return runtime.deploy({ avs: AVS, command: [], env: new Map(), resources }, lasting);
}

test('default: a health check, and a performer that has come to serve', async () => {
  const instance = await startInstance();
  const client = createPerformerClient({
    endpoint: instance.endpoint,
    maxOutputBytes: 1,
    clock: systemClock,
  });
  closers.push(() => client.close());
  await until('it serves', () => client.isServing(lasting));
  expect(tracesIn(lasting)).toBe(0);

  const limits = { maxOutputBytes: 1, healthyWithinMs: 20_000, stopGraceMs: 0 };
  const serving = await bringUp(
    instance,
    { ...limits, clock: systemClock, hideSecrets: (text) => text },
    lasting,
  );
  closers.push(() => serving.stop(0));
});

test('default: the watch of a performer that has ended', async () => {
  const instance = await startInstance();
  const exit = deferred<PerformerExit>();
  const watched = watchInstance(
    {
      running: { ...instance, exited: exit.promise },
      tasks: 0,
      execute: () => Promise.reject(new Error('nobody asks')),
      isHealthy: async () => true,
      fault: async () => undefined,
      drain: async () => undefined,
      stop: async () => undefined,
      leave: () => undefined,
    },
    { clock: manualClock(), onCheck: () => undefined },
    lasting,
  );
  expect(tracesIn(lasting)).toBe(1);
  const end = { reason: 'exited with code 1', cause: 'performer', lastLines: [] } as const;
  exit.resolve(end);
  expect(await watched).toBe(end);
});

test('default: a pull', async () => {
  let looks = 0;
  const docker = {
    getImage: () => ({
      async inspect() {
        looks += 1;
        if (looks === 1) throw Object.assign(new Error('no such image'), { statusCode: 404 });
        return { RepoDigests: [] };
      },
    }),
    pull: async () => Readable.from([Buffer.from('{"status":"Pull complete"}\n')]),
  } as unknown as Docker;
  const options = { patient: docker, processEnv: {}, clock: systemClock, logger: silentLogger };
  await ensureImage(docker, { repository: 'my-avs', tag: 'v1' }, options, lasting, undefined);
  expect(looks).toBe(2);
});

test('default: calls and streams of an API server, also those that fail', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/broken') return void request.socket.destroy();
    response.end('{"kind":"PodList"}\n');
  });
  server.listen(0, '127.0.0.1');
  closers.push(() => server.close());
  await once(server, 'listening');
  const access = new KubeConfig();
  const { port } = server.address() as AddressInfo;
  access.loadFromClusterAndUser(
    { name: 'a', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'b' },
  );
  const api = createKubernetesApi(access, 20_000);

  expect(await api.call({ method: 'GET', path: '/' }, lasting)).toMatchObject({ status: 200 });
  await expect(api.call({ method: 'GET', path: '/broken' }, lasting)).rejects.toMatchObject({
    code: 'KUBERNETES_UNAVAILABLE',
  });
  await expect(api.stream({ path: '/broken' }, lasting)).rejects.toMatchObject({
    code: 'KUBERNETES_UNAVAILABLE',
  });
  expect(tracesIn(lasting)).toBe(0);
  const stream = await api.stream({ path: '/' }, lasting);
  expect(tracesIn(lasting)).toBe(1);
  if ('status' in stream) throw new Error(`it answered with status ${stream.status}`);
  const closed = once(stream.chunks as Readable, 'close');
  for await (const chunk of stream.chunks) expect(chunk.length).toBeGreaterThan(0);
  await closed;
});
