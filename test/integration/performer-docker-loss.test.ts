/** Performers in containers while their engine refuses what it is asked for, or goes away. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ownedBy } from '../../src/performer/docker-container.js';
import type { PerformerPool } from '../../src/performer/performer-pool.js';
import { deferred } from '../support/deferred.js';
import { type DockerEngine, dockerEngine, type OwnEngine } from '../support/docker-engine.js';
import {
  containerOf,
  type DockerStage,
  dockerStage,
  hello,
  hurriedClock,
  keepLog,
  type LogLine,
  OWNER,
  programSpec,
  startPool,
} from '../support/docker-stage.js';
import { LONG_MS, untilTrue } from '../support/until.js';

const engine = await dockerEngine();
afterAll(() => engine.close());

const never = new AbortController().signal;

if (engine.available) {
  const found = engine;
  describe('what an engine does not remove at once', () => withUnwillingEngine(found));
  const own = found.own;
  if (own !== undefined) describe('an engine that goes away', () => withMortalEngine(found, own));
  else describe.skip('an engine that goes away', () => test('skipped: it is not ours', () => undefined));
} else describe.skip('with a Docker engine', () => test('skipped', () => undefined));

function withUnwillingEngine(found: DockerEngine): void {
  const { docker } = found;
  let stage: DockerStage;
  beforeAll(async () => {
    stage = await dockerStage(found);
  }, 120_000);
  afterEach(async () => {
    expect(await stage.endTest()).toEqual([]);
  });

  const names = async () => {
    const containers = await docker.listContainers({ all: true, filters: ownedBy(OWNER) });
    return containers.flatMap(({ Names }) => Names.map((name) => name.slice(1)));
  };

  const isRemoval = (method: string) => method === 'DELETE';

  test('behavior: is removed as soon as it can be, while the node goes on; that is told twice', async () => {
    const log: LogLine[] = [];
    const { proxy, runtime } = await stage.openBehindProxy({ clock: hurriedClock, logger: keepLog(log) });
    const instance = await runtime.deploy(programSpec(), never);
    let refusals = 0;
    let isWilling = false;
    proxy.judge((method) => {
      if (!isRemoval(method) || isWilling) return 'pass';
      refusals += 1;
      return 500;
    });
    await instance.stop(0);
    expect(await names()).toEqual([instance.id]);
    await untilTrue(() => refusals >= 3, LONG_MS);
    isWilling = true;
    await untilTrue(async () => (await names()).length === 0, LONG_MS);
    await untilTrue(() => log.some(({ level }) => level === 'info'), LONG_MS);
    expect(log.filter(({ level }) => level !== 'debug').map(({ message }) => message)).toEqual([
      'a container of a performer cannot be removed now; it is tried again',
      'the container that could not be removed is gone',
    ]);
  });

  test('behavior: is waited for when it is about to be removed', async () => {
    const { proxy, runtime } = await stage.openBehindProxy();
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
    const { proxy, runtime } = await stage.openBehindProxy();
    const late = deferred<void>();
    proxy.judge((_method, url) => (url.startsWith('/containers/create') ? late.promise : 'pass'));
    await expect(runtime.deploy(programSpec(), never)).rejects.toMatchObject({
      code: 'DOCKER_UNAVAILABLE',
    });
    late.resolve();
    await untilTrue(async () => (await names()).length === 1, LONG_MS);

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
}

/** For `JSON.stringify`. */
const errorText = (_key: string, value: unknown) => (value instanceof Error ? String(value) : value);

function withMortalEngine(found: DockerEngine, own: OwnEngine): void {
  let stage: DockerStage;
  let pool: PerformerPool;
  const log: LogLine[] = [];
  beforeAll(async () => {
    stage = await dockerStage(found);
    const logger = keepLog(log);
    pool = await startPool(await stage.open({ logger }), logger);
  }, 120_000);
  afterAll(async () => {
    await pool.close(0);
    const lines = log.map(
      ({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields, errorText)}`,
    );
    expect({ left: await stage.endTest(), lines }).toEqual({ left: [], lines });
  });

  const restarts = () => log.filter(({ message }) => message === 'performer lost, restarting it').length;
  const isWithoutEngine = () => pool.list()[0]?.reason?.includes('engine') ?? false;

  /** Stops the engine, tries a task, and starts it again. */
  async function goneAndBack(signal: 'SIGTERM' | 'SIGKILL', ...args: readonly string[]): Promise<void> {
    await own.stop(signal);
    // Before that is noticed, the performer has ended, for all that the node knows.
    await untilTrue(isWithoutEngine, LONG_MS);
    await expect(hello(pool)).rejects.toMatchObject({
      code: 'PERFORMER_UNAVAILABLE',
      message: expect.stringContaining('engine'),
    });
    await own.start(...args);
    await untilTrue(() => pool.list()[0]?.status === 'InService', LONG_MS);
    expect(await hello(pool)).toBe('hello');
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
    await untilTrue(isWithoutEngine, LONG_MS);
    // More attempts than any performer has restarts.
    const before = restarts();
    await untilTrue(() => restarts() > before + 8, LONG_MS);
    expect(isWithoutEngine()).toBe(true);
    await own.start();
    await untilTrue(() => pool.list()[0]?.status === 'InService', LONG_MS);
    const gone = log.filter(({ message }) => message.startsWith('the Docker engine is gone'));
    // Once each time, not with each attempt.
    expect(gone.length).toBeGreaterThan(0);
    expect(gone.length).toBeLessThanOrEqual(4);
  }, 60_000);
}
