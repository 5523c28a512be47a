/** What the Kubernetes runtime must do beside the contract of all runtimes, on whatever API server. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../src/base/brands.js';
import { type Clock, systemClock } from '../../src/base/clock.js';
import { createPerformerClient } from '../../src/performer/client.js';
import { type PerformerPool, startPerformerPool } from '../../src/performer/performer-pool.js';
import type { EnvReference, PerformerInstance } from '../../src/performer/runtime.js';
import { keepLog, type LogLine } from './docker-stage.js';
import { askCluster, PERFORMERS, tellCluster } from './kubernetes-client.js';
import type { Json } from './kubernetes-resources.js';
import {
  type KubernetesStage,
  OWNER,
  performerNames,
  programSpec,
  type TestCluster,
} from './kubernetes-stage.js';
import { AVS, describePerformerRuntime, TASK_ID } from './performer-contract.js';
import { untilTrue } from './until.js';

const never = new AbortController().signal;
export const pathOf = (name: string) => `${PERFORMERS}/${name}`;

/** Time in which pools check, and try again, several times a second, and deployments have their time. */
export const pollingClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms > 60_000 ? ms : Math.min(ms, 200), signal),
};

export async function pooled(stage: KubernetesStage, lines: LogLine[] = []): Promise<PerformerPool> {
  const logger = keepLog(lines);
  const pool = await startPerformerPool(
    {
      performers: [{ spec: programSpec(), isEssential: true }],
      runtime: await stage.open({ logger, clock: pollingClock }),
      maxOutputBytes: 1_000,
      drainMs: 0,
      listener: () => undefined,
      clock: pollingClock,
      logger,
    },
    never,
  );
  stage.atEnd(() => pool.close(0));
  return pool;
}

export async function echo(pool: PerformerPool): Promise<string> {
  const task = { avs: AVS, taskId: TASK_ID, payload: Buffer.from('echo hello') };
  return Buffer.from(await pool.execute(task, never)).toString('utf8');
}

/** The lines that say this. */
export const noted = (lines: readonly LogLine[], text: string) =>
  lines.filter(({ message }) => message.includes(text));

export interface KubernetesUnderTest {
  readonly stage: KubernetesStage;
  readonly cluster: TestCluster;
  /** The API server goes away and comes back, with all that it has. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** @param world called in each test, so that the suite can prepare itself first */
export function describeKubernetesRuntime(name: string, world: () => KubernetesUnderTest): void {
  afterEach(() => world().stage.endTest());
  describePerformerRuntime(name, () => ({
    open: () => world().stage.open(),
    spec: (env) => programSpec(env),
    outlivesNode: true,
  }));
  describe(`performers in a cluster: ${name}`, () => defineSuite(world));
}

function defineSuite(world: () => KubernetesUnderTest): void {
  /** As the cluster has it. */
  async function objectOf({ id }: PerformerInstance): Promise<Json> {
    return (await tellCluster(world().cluster, 'GET', pathOf(id))) as Json;
  }

  async function run(endpoint: string, payload: string): Promise<string> {
    const client = createPerformerClient({ endpoint, maxOutputBytes: 100_000, clock: systemClock });
    world().stage.atEnd(() => client.close());
    await client.waitUntilServing(20_000, never);
    return Buffer.from(await client.execute(TASK_ID, Buffer.from(payload), never)).toString('utf8');
  }

  describe('the object', () => {
    test('default: says whose it is, and has the image, the limits and the variables', async () => {
      const { stage } = world();
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
      const { stage, cluster } = world();
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
      const { stage } = world();
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
      const { stage, cluster } = world();
      const runtime = await stage.open();
      const deploying = runtime.deploy(programSpec(...spec), never);
      await expect(deploying).rejects.toMatchObject({
        code,
        message,
        facts: lastOutput ? { lastOutput } : {},
      });
      await untilTrue(async () => (await performerNames(cluster)).length === 0);
    });

    test('error: a cluster without an operator', async () => {
      const { stage } = world();
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
      const { stage, cluster } = world();
      stage.operator.isAttentive = false;
      const givenUp = new AbortController();
      const deploying = (await stage.open()).deploy(programSpec(), givenUp.signal);
      const refused = expect(deploying).rejects.toMatchObject({ code: 'ABORTED' });
      await untilTrue(async () => (await performerNames(cluster)).length === 1);
      givenUp.abort();
      await refused;
      await untilTrue(async () => (await performerNames(cluster)).length === 0);
    });
  });

  describe('what becomes of a performer', () => {
    test('behavior: one that is removed behind our back has ended, and is made anew', async () => {
      const { stage, cluster } = world();
      const pool = await pooled(stage);
      const [before] = pool.list();
      await tellCluster(cluster, 'DELETE', pathOf(before?.id ?? ''));
      await untilTrue(() => pool.list()[0]?.status === 'InService' && pool.list()[0]?.id !== before?.id);
      expect(await echo(pool)).toBe('hello');
    });

    test('behavior: one whose operator says that it failed has ended with its words', async () => {
      const { stage, cluster } = world();
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
      await tellCluster(cluster, 'PATCH', `${pathOf(instance.id)}/status`, {
        status: { phase: 'Failed', conditions },
      });
      expect(await instance.exited).toMatchObject({
        reason: 'is in phase Failed: its node is gone',
        cause: 'performer',
      });
      expect(instance.isSound()).toBe(false);
    });

    test('behavior: two executors in one namespace leave each other alone', async () => {
      const { stage } = world();
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
      const { stage, cluster } = world();
      const { id, avs } = await (await stage.open()).deploy(programSpec(), never);
      const next = await stage.open();
      expect(await next.adopt({ id, avs, containerId: 'another-uid' }, programSpec(), never)).toBeUndefined();
      await untilTrue(async () => (await performerNames(cluster)).length === 0);
    });
  });

  describe('the API server', () => {
    test('behavior: while it is away performers serve, and what they need is made up for when it is back', async () => {
      const { stage } = world();
      const lines: LogLine[] = [];
      const pool = await pooled(stage, lines);
      const [before] = pool.list();
      await world().stop();
      await untilTrue(() => noted(lines, 'the Kubernetes API server is gone').length > 0);
      expect(await echo(pool)).toBe('hello');
      stage.operator.processOf(before?.id ?? '')?.kill('SIGKILL');
      await untilTrue(() => pool.list()[0]?.status === 'OutOfService');
      await expect(echo(pool)).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
      await world().start();
      await untilTrue(() => pool.list()[0]?.status === 'InService');
      expect(pool.list()[0]?.id).not.toBe(before?.id);
      expect(await echo(pool)).toBe('hello');
      expect(noted(lines, 'the Kubernetes API server is gone')).toHaveLength(1);
      expect(noted(lines, 'the Kubernetes API server is back').length).toBeGreaterThan(0);
    });
  });
}
