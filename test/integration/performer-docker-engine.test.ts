import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type Docker from 'dockerode';
import { parseAddress } from '../../src/base/brands.js';
import { isPonosError } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { buildPerformerImage } from '../../src/devnet/performer-image.js';
import { LABELS, ownedBy } from '../../src/performer/docker-container.js';
import type { DockerRuntimeOptions } from '../../src/performer/docker-runtime.js';
import { startPerformerPool } from '../../src/performer/performer-pool.js';
import type { PerformerInstance, PerformerRuntime } from '../../src/performer/runtime.js';
import { deferred } from '../support/deferred.js';
import { type DockerEngine, dockerEngine, type OwnEngine } from '../support/docker-engine.js';
import {
  type DockerStage,
  dockerStage,
  hurriedClock,
  keepLog,
  type LogLine,
  OWNER,
  PROGRAM,
  programSpec,
  runTask,
} from '../support/docker-stage.js';
import { startEngineProxy } from '../support/engine-proxy.js';
import { bundle } from '../support/performer-bundle.js';
import { AVS, TASK_ID } from '../support/performer-contract.js';

const engine = await dockerEngine();
afterAll(() => engine.close());

const never = new AbortController().signal;
const OTHER_OPERATOR = { ...OWNER, operator: parseAddress(`0x${'0c'.repeat(20)}`) };
const OTHER_CHAIN = { ...OWNER, l1ChainId: 17_000 };
const PROGRAM_TAG = `${PROGRAM.repository}:${PROGRAM.tag}`;

if (engine.available) {
  const found = engine;
  describe('with a Docker engine', () => withEngine(found));
  const own = found.own;
  if (own !== undefined) describe('an engine that goes away', () => withMortalEngine(found, own));
  else describe.skip('an engine that goes away', () => test('skipped: it is not ours', () => undefined));
} else describe.skip('with a Docker engine', () => test('skipped', () => undefined));

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

async function pooled(runtime: PerformerRuntime) {
  return startPerformerPool(
    {
      performers: [{ spec: programSpec(), isEssential: true }],
      runtime,
      maxOutputBytes: 1_000,
      drainMs: 0,
      listener: () => undefined,
      clock: hurriedClock,
      logger: silentLogger,
    },
    never,
  );
}

type Pool = Awaited<ReturnType<typeof pooled>>;

const echo = async (pool: Pool) => {
  const task = { avs: AVS, taskId: TASK_ID, payload: Buffer.from('echo hello') };
  return Buffer.from(await pool.execute(task, never)).toString('utf8');
};

const containerOf = (pool: Pool) => pool.list()[0]?.container?.id;

function withEngine({ docker, options }: DockerEngine): void {
  let stage: DockerStage;
  beforeAll(async () => {
    stage = await dockerStage(engine as DockerEngine);
  }, 120_000);
  afterEach(async () => {
    expect(await stage.endTest([OWNER, OTHER_OPERATOR, OTHER_CHAIN])).toEqual([]);
  });

  describe('what the engine tells of a container', () => {
    test('behavior: a paused one is not sound until it goes on', async () => {
      const instance = await (await stage.open()).deploy(programSpec(), never);
      const client = await stage.connect(instance.endpoint);
      const container = docker.getContainer(instance.id);
      await container.pause();
      await until(() => !instance.isSound());
      expect(await client.isServing()).toBe(false);
      await container.unpause();
      await until(() => instance.isSound());
    });

    test('behavior: one whose own health check fails is not sound', async () => {
      const image = { repository: 'ponos-test-checked', tag: 'test' };
      const code = "process.exit(+require('fs').existsSync('/dev/shm/sick'))";
      const template = await docker.createContainer({ Image: PROGRAM_TAG });
      const check = JSON.stringify([process.execPath, '-e', code]);
      await template.commit({
        repo: image.repository,
        tag: image.tag,
        changes: `HEALTHCHECK --interval=100ms --retries=1 CMD ${check}`,
      });
      await template.remove();
      stage.atEnd(() => docker.getImage(`${image.repository}:${image.tag}`).remove({ force: true }));
      const instance = await (await stage.open()).deploy(programSpec({}, { image }), never);
      const client = await stage.connect(instance.endpoint);
      expect(instance.isSound()).toBe(true);
      expect(await runTask(client, 'write /dev/shm/sick')).toBe('written');
      await until(() => !instance.isSound());
      expect(await client.isServing()).toBe(true);
    });

    test.each<[string, (container: Docker.Container) => Promise<unknown>, RegExp]>([
      ['stopped', (container) => container.stop({ t: 10 }), /^was stopped by somebody else \(signal 15\)/],
      ['restarted', (container) => container.restart({ t: 10 }), /by somebody else/],
    ])('behavior: one that somebody has %s has ended, and is cleared away', async (_name, act, reason) => {
      const instance = await (await stage.open()).deploy(programSpec(), never);
      await stage.connect(instance.endpoint);
      await act(docker.getContainer(instance.id)).catch(() => undefined);
      expect(await instance.exited).toMatchObject({
        reason: expect.stringMatching(reason),
        cause: 'performer',
      });
      await expect(docker.getContainer(instance.id).inspect()).rejects.toMatchObject({ statusCode: 404 });
    });

    test('behavior: one that is removed behind our back is made anew', async () => {
      const pool = await pooled(await stage.open());
      stage.atEnd(() => pool.close(0));
      const before = String(containerOf(pool));
      await docker.getContainer(before).remove({ force: true });
      await until(() => pool.list()[0]?.status === 'InService' && containerOf(pool) !== before);
      expect(await echo(pool)).toBe('hello');
    });

    test('behavior: a broken stream of events is opened anew, and what it has missed is seen', async () => {
      const { proxy, runtime } = await behindProxy();
      const removed = await runtime.deploy(programSpec(), never);
      const kept = await runtime.deploy(programSpec(), never);
      const mend = proxy.sever();
      await docker.getContainer(removed.id).remove({ force: true });
      mend();
      expect(await removed.exited).toMatchObject({
        reason: 'was removed by somebody else',
        cause: 'performer',
      });
      expect(kept.isSound()).toBe(true);
      await docker.getContainer(kept.id).pause();
      await until(() => !kept.isSound());
      await docker.getContainer(kept.id).unpause();
    });

    test('error: a program that does not start is told with its last lines', async () => {
      const runtime = await stage.open();
      const { exited } = await runtime.deploy(programSpec({ AT_START: 'exit' }), never).catch(failedStart);
      expect(await exited).toMatchObject({
        reason: 'exited with code 4',
        lastLines: ['cannot start: no licence'],
      });
    });

    test('error: a program that is not in the image is told in the words of the engine', async () => {
      const image = { repository: 'ponos-test-empty', tag: 'test' };
      const template = await docker.createContainer({ Image: PROGRAM_TAG });
      await template.commit({ repo: image.repository, tag: image.tag, changes: 'ENTRYPOINT ["/no/such"]' });
      await template.remove();
      stage.atEnd(() => docker.getImage(`${image.repository}:${image.tag}`).remove({ force: true }));
      const deploy = (await stage.open()).deploy(programSpec({}, { image }), never);
      await expect(deploy).rejects.toMatchObject({
        code: 'PERFORMER_UNAVAILABLE',
        cause: expect.objectContaining({ message: expect.stringContaining('/no/such') }),
      });
    });
  });

  /** A runtime whose way to the engine is in our hands. */
  async function behindProxy(changes: Partial<DockerRuntimeOptions> = {}) {
    const proxy = await startEngineProxy(options.socketPath ?? '/var/run/docker.sock');
    stage.atEnd(() => proxy.close());
    const runtime = await stage.open({ ...changes, engine: { ...options, socketPath: proxy.path } });
    return { proxy, runtime };
  }

  const names = async () => {
    const containers = await docker.listContainers({ all: true, filters: ownedBy(OWNER) });
    return containers.flatMap(({ Names }) => Names.map((name) => name.slice(1)));
  };

  describe('what an engine does not remove at once', () => {
    const isRemoval = (method: string) => method === 'DELETE';

    test('behavior: is removed as soon as it can be, while the node goes on; that is told twice', async () => {
      const log: LogLine[] = [];
      const { proxy, runtime } = await behindProxy({ clock: hurriedClock, logger: keepLog(log) });
      const instance = await runtime.deploy(programSpec(), never);
      let refusals = 3;
      proxy.judge((method) => (isRemoval(method) && refusals-- > 0 ? 500 : 'pass'));
      await instance.stop(0);
      expect(await names()).toEqual([instance.id]);
      await until(async () => (await names()).length === 0);
      await until(() => log.some(({ level }) => level === 'info'));
      expect(log.filter(({ level }) => level !== 'debug').map(({ message }) => message)).toEqual([
        'a container of a performer cannot be removed now; it is tried again',
        'the container that could not be removed is gone',
      ]);
    });

    test('behavior: is waited for when it is about to be removed', async () => {
      const { proxy, runtime } = await behindProxy();
      const instance = await runtime.deploy(programSpec(), never);
      let isFirst = true;
      const waits = deferred<void>();
      proxy.judge((method, url) => {
        if (url.includes('/wait')) waits.resolve();
        if (!isRemoval(method) || !isFirst) return 'pass';
        isFirst = false;
        return 409;
      });
      const stopped = instance.stop(0);
      await waits.promise;
      expect(await names()).toEqual([instance.id]);
      await docker.getContainer(instance.id).remove();
      await stopped;
    });

    test('behavior: is gone when the node has ended, also what it has lost sight of', async () => {
      const { proxy, runtime } = await behindProxy();
      const late = deferred<void>();
      proxy.judge((_method, url) => (url.startsWith('/containers/create') ? late.promise : 'pass'));
      await expect(runtime.deploy(programSpec(), never)).rejects.toMatchObject({
        code: 'DOCKER_UNAVAILABLE',
      });
      late.resolve();
      await until(async () => (await names()).length === 1);

      proxy.judge(() => 'pass');
      const [unseen, lost] = await Promise.all([1, 2].map(() => runtime.deploy(programSpec(), never)));
      // Of one of them the engine does not tell how it ended, and it is not stopped by us.
      proxy.judge((method, url) => (method === 'GET' && url.startsWith('/containers') ? 500 : 'pass'));
      await docker.getContainer(String(lost?.id)).kill();
      expect(await lost?.exited).toMatchObject({ cause: 'engine' });

      let refusals = 2;
      proxy.judge((method, url) => {
        if (isRemoval(method) && refusals-- > 0) return 500;
        return method === 'GET' && url.startsWith('/containers') ? 500 : 'pass';
      });
      await runtime.close();
      expect(await unseen?.exited).toMatchObject({ cause: 'engine' });
      expect(await names()).toEqual([]);
    });
  });

  describe('executors that share an engine and a network', () => {
    const owners = [OWNER, OTHER_OPERATOR, OTHER_CHAIN];

    test('default: none touches, or hears of, what is not its own', async () => {
      const networkName = 'ponos-test-shared';
      const runtimes = await Promise.all(owners.map((owner) => stage.open({ ...owner, networkName })));
      const specs = [programSpec(), programSpec({}, { avs: parseAddress(`0x${'a6'.repeat(20)}`) })];
      const instances = await Promise.all(
        runtimes.flatMap((runtime) => specs.map((each) => runtime.deploy(each, never))),
      );
      expect(new Set(instances.map(({ id }) => id)).size).toBe(6);
      expect(new Set(instances.map(({ endpoint }) => endpoint)).size).toBe(6);
      const labels = await docker.getContainer(String(instances[0]?.id)).inspect();
      expect(labels.Config.Labels).toMatchObject({
        [LABELS.operator]: OWNER.operator,
        [LABELS.l1Chain]: String(OWNER.l1ChainId),
      });

      const [first, , others] = [instances[0], instances[1], instances.slice(2)];
      // Another run of the first executor, which knows of none of them.
      const next = await stage.open({ ...OWNER, networkName });
      const { id, avs, container } = others[0] as PerformerInstance;
      const foreign = { id, avs, containerId: container?.id };
      expect(await next.adopt(foreign, programSpec(), never)).toBeUndefined();
      await next.removeOrphans();
      expect(await first?.exited).toMatchObject({ cause: 'performer' });
      for (const instance of others) {
        expect(instance.isSound()).toBe(true);
        expect((await docker.getContainer(instance.id).inspect()).State.Running).toBe(true);
      }
      await Promise.all(runtimes.map((runtime) => runtime.close()));
      await docker.getNetwork(networkName).remove();
    });

    test('behavior: one that is in the network itself reaches them by name', async () => {
      const networkName = 'ponos-test-inside';
      const made = await bundle('test/support/performer-in-network.ts');
      const tag = 'ponos-test-executor:test';
      await buildPerformerImage({ docker, bundlePath: made.path, tag });
      made.remove();
      await docker.createNetwork({ Name: networkName });
      const executor = await docker.createContainer({
        Image: tag,
        User: '0',
        Cmd: [OTHER_OPERATOR.operator, networkName, PROGRAM.repository, PROGRAM.tag],
        HostConfig: {
          NetworkMode: networkName,
          Binds: [`${options.socketPath ?? '/var/run/docker.sock'}:/engine.sock`],
        },
      });
      stage.atEnd(async () => {
        await executor.remove({ force: true });
        await docker.getNetwork(networkName).remove();
        await docker.getImage(tag).remove({ force: true });
      });
      await executor.start();
      await executor.wait();
      const output = (await executor.logs({ stdout: true, stderr: true })).toString('utf8');
      expect(output).toMatch(/avs-performer-[0-9a-f]{6}-[0-9a-f]{12}:8080 says hello/);
    });
  });
}

/** @throws what a start has failed with, unless it is that the program has ended at once */
function failedStart(error: unknown): Pick<PerformerInstance, 'exited'> {
  if (!isPonosError(error, 'PERFORMER_UNAVAILABLE')) throw error;
  const reason = error.message.replace("the performer's container ", '');
  const lastLines = String(error.facts.lastOutput).split(' | ');
  return { exited: Promise.resolve({ reason, cause: 'performer', lastLines }) };
}

function withMortalEngine(found: DockerEngine, own: OwnEngine): void {
  let stage: DockerStage;
  let pool: Pool;
  const log: LogLine[] = [];
  beforeAll(async () => {
    stage = await dockerStage(found);
    pool = await pooled(await stage.open({ logger: keepLog(log) }));
  }, 120_000);
  afterAll(async () => {
    await pool.close(0);
    const lines = log.map(({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields)}`);
    expect({ left: await stage.endTest(), lines }).toEqual({ left: [], lines });
  });

  /** Stops the engine, tries a task, and starts it again. */
  async function goneAndBack(signal: 'SIGTERM' | 'SIGKILL', ...args: readonly string[]): Promise<void> {
    await own.stop(signal);
    await until(() => pool.list()[0]?.status !== 'InService');
    await expect(echo(pool)).rejects.toMatchObject({
      code: 'PERFORMER_UNAVAILABLE',
      message: expect.stringContaining('engine'),
    });
    await own.start(...args);
    await until(() => pool.list()[0]?.status === 'InService');
    expect(await echo(pool)).toBe('hello');
  }

  test('default: its performers are made anew when it is back, and tasks fail fast meanwhile', async () => {
    const before = containerOf(pool);
    await goneAndBack('SIGTERM', '--live-restore');
    expect(containerOf(pool)).not.toBe(before);
  }, 60_000);

  test('behavior: performers that live on without it are taken over when it is back', async () => {
    const before = containerOf(pool);
    await goneAndBack('SIGKILL', '--live-restore');
    expect(containerOf(pool)).toBe(before);
  }, 60_000);

  test('behavior: performers that it ends when it comes back are made anew', async () => {
    const before = containerOf(pool);
    await goneAndBack('SIGKILL');
    expect(containerOf(pool)).not.toBe(before);
  }, 60_000);

  test('behavior: while it is away, a performer is not given up, however long that takes', async () => {
    await own.stop('SIGTERM');
    await until(() => pool.list()[0]?.status !== 'InService');
    // More attempts than any performer has restarts.
    await sleep(3_000);
    expect(pool.list()[0]?.reason).toContain('engine');
    await own.start();
    await until(() => pool.list()[0]?.status === 'InService');
    const gone = log.filter(({ message }) => message.startsWith('the Docker engine is gone'));
    // Once each time, not with each attempt.
    expect(gone.length).toBeGreaterThan(0);
    expect(gone.length).toBeLessThanOrEqual(4);
  }, 60_000);
}
