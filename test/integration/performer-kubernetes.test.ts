import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../src/base/brands.js';
import { type Clock, systemClock } from '../../src/base/clock.js';
import { createPerformerClient } from '../../src/performer/client.js';
import { type PerformerPool, startPerformerPool } from '../../src/performer/performer-pool.js';
import type { EnvReference, PerformerInstance } from '../../src/performer/runtime.js';
import { createAuthority } from '../support/certificates.js';
import { keepLog, type LogLine } from '../support/docker-stage.js';
import { ADMIN_TOKEN, EXECUTOR_TOKEN, KubernetesApiServer } from '../support/kubernetes-api-server.js';
import { askCluster, PERFORMERS, tellCluster } from '../support/kubernetes-client.js';
import type { Json } from '../support/kubernetes-resources.js';
import {
  type KubernetesStage,
  kubeConfig,
  kubernetesStage,
  OWNER,
  performerNames,
  programSpec,
  type TestCluster,
} from '../support/kubernetes-stage.js';
import { AVS, describePerformerRuntime, TASK_ID } from '../support/performer-contract.js';
import { temporaryFolder } from '../support/temporary-folder.js';

let server: KubernetesApiServer;
let cluster: TestCluster;
let stage: KubernetesStage;

beforeAll(async () => {
  const authority = await createAuthority();
  const certificate = await authority.issue();
  server = new KubernetesApiServer(certificate);
  await server.start();
  const tokens = { adminToken: ADMIN_TOKEN, executorToken: EXECUTOR_TOKEN };
  cluster = { url: server.url, ca: authority.cert, certificate, ...tokens };
  stage = await kubernetesStage(cluster);
}, 60_000);
afterAll(async () => {
  await stage.close();
  await server.stop();
});
afterEach(() => stage.endTest());

describePerformerRuntime('kubernetes', () => ({
  open: () => stage.open(),
  spec: (env) => programSpec(env),
  outlivesNode: true,
}));

const never = new AbortController().signal;
const noted = (lines: readonly LogLine[], text: string) =>
  lines.filter(({ message }) => message.includes(text));
const path = (name: string) => `${PERFORMERS}/${name}`;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await systemClock.sleep(20);
}

/** A performer of the test's cluster in its own object's words. */
async function objectOf(instance: PerformerInstance): Promise<Json> {
  return (await tellCluster(cluster, 'GET', path(instance.id))) as Json;
}

async function run(endpoint: string, payload: string): Promise<string> {
  const client = createPerformerClient({ endpoint, maxOutputBytes: 100_000, clock: systemClock });
  stage.atEnd(() => client.close());
  await client.waitUntilServing(20_000, never);
  return Buffer.from(await client.execute(TASK_ID, Buffer.from(payload), never)).toString('utf8');
}

/** Time in which pools check, and try again, several times a second, and deployments have their time. */
const pollingClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms > 60_000 ? ms : Math.min(ms, 200), signal),
};

async function pooled(spec = programSpec(), lines: LogLine[] = []): Promise<PerformerPool> {
  const pool = await startPerformerPool(
    {
      performers: [{ spec, isEssential: true }],
      runtime: await stage.open({ logger: keepLog(lines), clock: pollingClock }),
      maxOutputBytes: 1_000,
      drainMs: 0,
      listener: () => undefined,
      clock: pollingClock,
      logger: keepLog(lines),
    },
    never,
  );
  stage.atEnd(() => pool.close(0));
  return pool;
}

const echo = async (pool: PerformerPool) => {
  const task = { avs: AVS, taskId: TASK_ID, payload: Buffer.from('echo hello') };
  return Buffer.from(await pool.execute(task, never)).toString('utf8');
};

describe('the object', () => {
  test('default: says whose it is, and has the image, the limits and the variables', async () => {
    const digest = `sha256:${'2b'.repeat(32)}`;
    const image = { repository: 'ponos-test-program', tag: 'test', digest };
    const runtime = await stage.open();
    const instance = await runtime.deploy(programSpec({ LOG_LEVEL: 'debug' }, { image }), never);
    expect(instance.id).toMatch(/^avs-performer-[0-9a-f]{6}-[0-9a-f]{12}$/);
    const { metadata, spec } = (await objectOf(instance)) as { metadata: Json; spec: Json };
    expect(metadata.labels).toEqual({
      'ponos.role': 'performer',
      'ponos.operator': OWNER.operator,
      'ponos.l1-chain': '31337',
      'ponos.avs': AVS,
      app: 'hourglass-performer',
      'hourglass.eigenlayer.io/avs': AVS,
      'hourglass.eigenlayer.io/performer': instance.id,
    });
    expect(spec).toMatchObject({
      avsAddress: AVS,
      image: `ponos-test-program@${digest}`,
      version: digest,
      imagePullPolicy: 'IfNotPresent',
      config: {
        grpcPort: 8080,
        environment: { AVS_ADDRESS: AVS, GRPC_PORT: '8080', LOG_LEVEL: 'debug' },
      },
      resources: { limits: { cpu: '500m', memory: '512000000' } },
    });
    expect(instance.container).toEqual({ id: metadata.uid, imageId: `sha256:${'1a'.repeat(32)}` });
  });

  test('behavior: values in Secrets and ConfigMaps reach the performer and not this node; so does a service account', async () => {
    for (const [kind, data] of [
      ['secrets', Buffer.from('sesame-4711').toString('base64')],
      ['configmaps', 'blue'],
    ]) {
      const object = { metadata: { name: 'my-avs', namespace: 'default' }, data: { key: data } };
      await tellCluster(cluster, 'POST', `/api/v1/namespaces/default/${kind}`, object);
      stage.atEnd(() => askCluster(cluster, 'DELETE', `/api/v1/namespaces/default/${kind}/my-avs`));
    }
    const envFrom: EnvReference[] = [
      { name: 'API_KEY', source: 'secret', object: 'my-avs', key: 'key' },
      { name: 'COLOUR', source: 'configMap', object: 'my-avs', key: 'key' },
    ];
    const settings = { envFrom, serviceAccountName: 'my-avs' };
    const instance = await (await stage.open()).deploy(programSpec({}, { cluster: settings }), never);
    expect(await run(instance.endpoint, 'env API_KEY')).toBe('sesame-4711');
    expect(await run(instance.endpoint, 'env COLOUR')).toBe('blue');
    expect(await run(instance.endpoint, 'env SERVICE_ACCOUNT')).toBe('my-avs');
    expect(JSON.stringify(await objectOf(instance))).not.toContain('sesame');
  });

  test('behavior: an endpoint that is overridden holds over the one in its status', async () => {
    const settings = { envFrom: [], endpointOverride: 'performer.example:50051' };
    const instance = await (await stage.open()).deploy(programSpec({}, { cluster: settings }), never);
    expect(instance.endpoint).toBe('performer.example:50051');
  });
});

describe('a deployment that fails', () => {
  test.each<[string, Parameters<typeof programSpec>, string, string, string | undefined]>([
    [
      'an image that cannot be pulled',
      [{}, { image: { repository: 'missing', tag: 'v1' } }],
      'IMAGE_PULL_FAILED',
      "the performer's pod: ErrImagePull: missing:v1: not found",
      undefined,
    ],
    [
      'a program that ends',
      [{ AT_START: 'exit' }],
      'PERFORMER_UNAVAILABLE',
      "the performer's pod: exited with code 4",
      'cannot start: no licence',
    ],
  ])('error: %s says so, and leaves nothing behind', async (_name, spec, code, message, lastOutput) => {
    const runtime = await stage.open();
    const deploying = runtime.deploy(programSpec(...spec), never);
    await expect(deploying).rejects.toMatchObject({ code, message, facts: lastOutput ? { lastOutput } : {} });
    await until(async () => (await performerNames(cluster)).length === 0);
  });

  test('error: a cluster without an operator', async () => {
    stage.operator.isAttentive = false;
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 1_000, signal),
    };
    const deploying = (await stage.open({ clock })).deploy(programSpec(), never);
    await expect(deploying).rejects.toMatchObject({
      code: 'PERFORMER_UNAVAILABLE',
      message: 'the performer is not ready after 300 seconds: no operator has taken notice of it',
      advice: expect.stringContaining('Hourglass operator'),
    });
  });

  test('behavior: one that is given up is removed', async () => {
    stage.operator.isAttentive = false;
    const givenUp = new AbortController();
    const deploying = (await stage.open()).deploy(programSpec(), givenUp.signal);
    const refused = expect(deploying).rejects.toMatchObject({ code: 'ABORTED' });
    await until(async () => (await performerNames(cluster)).length === 1);
    givenUp.abort();
    await refused;
    await until(async () => (await performerNames(cluster)).length === 0);
  });
});

describe('what becomes of a performer', () => {
  test('behavior: one that is removed behind our back has ended, and is made anew', async () => {
    const pool = await pooled();
    const [before] = pool.list();
    await tellCluster(cluster, 'DELETE', path(before?.id ?? ''));
    await until(() => pool.list()[0]?.status === 'InService' && pool.list()[0]?.id !== before?.id);
    expect(await echo(pool)).toBe('hello');
  });

  test('behavior: one whose operator says that it failed has ended with its words', async () => {
    const instance = await (await stage.open()).deploy(programSpec(), never);
    const conditions = [
      {
        type: 'Ready',
        status: 'False',
        reason: 'Lost',
        message: 'its node is gone',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ];
    await tellCluster(cluster, 'PATCH', `${path(instance.id)}/status`, {
      status: { phase: 'Failed', conditions },
    });
    expect(await instance.exited).toMatchObject({
      reason: 'is in phase Failed: its node is gone',
      cause: 'performer',
    });
    expect(instance.isSound()).toBe(false);
  });

  test('behavior: two executors in one namespace leave each other alone', async () => {
    const mine = await (await stage.open()).deploy(programSpec(), never);
    const other = await stage.open({ operator: parseAddress(`0x${'0c'.repeat(20)}`) });
    const otherChain = await stage.open({ l1ChainId: 17_000 });
    for (const runtime of [other, otherChain]) {
      await runtime.removeOrphans();
      const { id, avs, container } = mine;
      expect(
        await runtime.adopt({ id, avs, containerId: container?.id }, programSpec(), never),
      ).toBeUndefined();
    }
    expect(await run(mine.endpoint, 'echo still')).toBe('still');
    await (await stage.open()).removeOrphans();
    expect(await mine.exited).toMatchObject({ reason: 'was removed by somebody else' });
  });

  test('error: one of the same name that somebody has made anew is not taken over', async () => {
    const { id, avs } = await (await stage.open()).deploy(programSpec(), never);
    const next = await stage.open();
    expect(await next.adopt({ id, avs, containerId: 'another-uid' }, programSpec(), never)).toBeUndefined();
    await until(async () => (await performerNames(cluster)).length === 0);
  });
});

describe('the API server', () => {
  test('behavior: a watch that breaks is opened anew, and what it missed is seen', async () => {
    const runtime = await stage.open();
    const [removed, kept] = await Promise.all([
      runtime.deploy(programSpec(), never),
      runtime.deploy(programSpec(), never),
    ]);
    server.cutStreams();
    await tellCluster(cluster, 'DELETE', path(removed.id));
    expect(await removed.exited).toMatchObject({ reason: 'was removed by somebody else' });
    expect(kept.isSound()).toBe(true);
  });

  test('behavior: when it has forgotten the changes since, all is listed again', async () => {
    const runtime = await stage.open();
    const [removed, kept] = await Promise.all([
      runtime.deploy(programSpec(), never),
      runtime.deploy(programSpec(), never),
    ]);
    const mend = server.refuseWatches();
    server.cutStreams();
    await tellCluster(cluster, 'DELETE', path(removed.id));
    await until(async () => !(await performerNames(cluster)).includes(removed.id));
    server.resources.forget();
    const before = server.requests.length;
    mend();
    expect(await removed.exited).toMatchObject({ reason: 'was removed by somebody else' });
    expect(server.requests.slice(before)).toContain('LIST performers');
    expect(kept.isSound()).toBe(true);
  });

  test('behavior: while it is away performers serve, and what they need is made up for when it is back', async () => {
    const lines: LogLine[] = [];
    const pool = await pooled(programSpec(), lines);
    const [before] = pool.list();
    await server.stop();
    await until(() => noted(lines, 'the Kubernetes API server is gone').length > 0);
    expect(await echo(pool)).toBe('hello');
    stage.operator.processOf(before?.id ?? '')?.kill('SIGKILL');
    await until(() => pool.list()[0]?.status === 'OutOfService');
    await expect(echo(pool)).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
    await server.start();
    await until(() => pool.list()[0]?.status === 'InService');
    expect(pool.list()[0]?.id).not.toBe(before?.id);
    expect(await echo(pool)).toBe('hello');
    expect(noted(lines, 'the Kubernetes API server is gone')).toHaveLength(1);
    expect(noted(lines, 'the Kubernetes API server is back').length).toBeGreaterThan(0);
  });

  test('behavior: a node that may not see pods works without their words, and says so once', async () => {
    const lines: LogLine[] = [];
    server.withoutRules('pods', 'pods/log');
    stage.atEnd(() => server.withAllRules());
    const runtime = await stage.open({ logger: keepLog(lines) });
    const instances = await Promise.all([
      runtime.deploy(programSpec(), never),
      runtime.deploy(programSpec(), never),
    ]);
    expect(instances[0]?.lastLines()).toEqual([]);
    await Promise.all(instances.map((instance) => instance.stop(0)));
    expect(await instances[0]?.exited).toMatchObject({ reason: 'was stopped and removed' });
    expect(noted(lines, 'the pods of performers, or what they print, cannot be seen')).toHaveLength(1);
  });

  test('error: a right that is missing is named, with the file that gives it', async () => {
    server.withoutRules('performers');
    stage.atEnd(() => server.withAllRules());
    await expect(stage.open()).rejects.toMatchObject({
      code: 'KUBERNETES_REFUSED',
      message: 'this node may not list performers in the namespace default: the verb is missing',
      advice: expect.stringContaining('deploy/kubernetes/rbac.yaml'),
    });
  });

  test('error: a cluster without the resource, and one with an older one', async () => {
    const older = (text: string) => text.replace('environmentFrom:', 'somethingElse:');
    const runtime = await stage.open();
    server.changeResource(older);
    stage.atEnd(() => server.changeResource((text) => text));
    const envFrom: EnvReference[] = [{ name: 'A', source: 'secret', object: 'b', key: 'c' }];
    await expect(runtime.deploy(programSpec({}, {}, envFrom), never)).rejects.toMatchObject({
      code: 'KUBERNETES_REFUSED',
      message: 'the Performer resource of the cluster does not know the field spec.config.environmentFrom',
      advice: expect.stringContaining('performer-crd.yaml'),
    });
    server.dropResource();
    await expect(stage.open()).rejects.toMatchObject({
      code: 'KUBERNETES_REFUSED',
      message: 'the cluster has no Performer resource hourglass.eigenlayer.io/v1alpha1',
      advice: expect.stringContaining('kubectl apply -f deploy/kubernetes/performer-crd.yaml'),
    });
  });

  test('error: one that is not there, and one that never answers', async () => {
    const silent = net.createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    stage.atEnd(() => void silent.close());
    const ports = [1, (silent.address() as AddressInfo).port];
    for (const port of ports) {
      const folder = await temporaryFolder();
      stage.atEnd(folder.remove);
      const file = `${folder.path}/config`;
      writeFileSync(file, kubeConfig({ ...cluster, url: `https://127.0.0.1:${port}` }, 'a-token'));
      const opening = stage.open({}, { kubeConfigPath: file, connectionTimeout: 200 });
      await expect(opening).rejects.toMatchObject({
        code: 'KUBERNETES_UNAVAILABLE',
        message: 'the Kubernetes API server does not answer',
        facts: { server: `https://127.0.0.1:${port}` },
      });
    }
  });

  test('error: credentials that are not accepted', async () => {
    const folder = await temporaryFolder();
    stage.atEnd(folder.remove);
    writeFileSync(`${folder.path}/config`, kubeConfig(cluster, 'stale-token'));
    const opening = stage.open({}, { kubeConfigPath: `${folder.path}/config` });
    await expect(opening).rejects.toMatchObject({
      code: 'KUBERNETES_REFUSED',
      message: 'the Kubernetes API server does not accept the credentials of this node',
    });
  });
});
