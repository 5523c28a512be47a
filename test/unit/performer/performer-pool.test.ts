import { afterEach, describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import type { PerformerEvent } from '../../../src/performer/performer-events.js';
import {
  type FirstPerformer,
  type PerformerPool,
  startPerformerPool,
} from '../../../src/performer/performer-pool.js';
import type { PerformerSpec } from '../../../src/performer/runtime.js';
import { deferred } from '../../support/deferred.js';
import { manualClock, settle } from '../../support/manual-clock.js';
import { AVS, secretEnv, TASK_ID } from '../../support/performer-contract.js';
import { scriptedRuntime } from '../../support/scripted-runtime.js';

const OTHER = parseAddress(`0x${'0b'.repeat(20)}`);
const DRAIN_MS = 30_000;
const never = new AbortController().signal;

const spec = (changes: Partial<PerformerSpec> = {}): PerformerSpec => ({
  avs: AVS,
  command: [],
  env: new Map(),
  resources: { memoryBytes: 1, cpus: 1, pids: 1, readOnlyRootfs: false },
  ...changes,
});

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settle();
}

async function world(runtime = scriptedRuntime()) {
  const clock = manualClock();
  const events: PerformerEvent[] = [];
  closers.push(() => runtime.close());
  return {
    runtime,
    clock,
    events,
    /** What was told of an instance's deployment. */
    of: (instance: string) => {
      const started = events.find((event) => 'instance' in event && event.instance.id === instance);
      return events.filter(({ deployment }) => deployment.id === started?.deployment.id);
    },
    /** Moves the clock until it is so: what is waited for takes real calls in between. */
    async passUntil(isSo: () => boolean, stepMs = 1_000) {
      for (let steps = 0; !isSo(); steps += 1) {
        if (steps > 5_000) throw new Error('it never comes to that');
        await clock.advance(stepMs);
      }
    },
    async start(...performers: readonly Partial<FirstPerformer>[]): Promise<PerformerPool> {
      const pool = await startPerformerPool(
        {
          performers: performers.map((each) => ({ spec: spec(), isEssential: true, ...each })),
          runtime,
          maxOutputBytes: 1_000,
          drainMs: DRAIN_MS,
          listener: (event) => void events.push(event),
          clock,
          logger: silentLogger,
        },
        never,
      );
      closers.push(() => pool.close(0));
      return pool;
    },
  };
}

async function run(pool: PerformerPool, payload: string, signal = never, avs = AVS): Promise<string> {
  const output = await pool.execute({ avs, taskId: TASK_ID, payload: Buffer.from(payload) }, signal);
  return Buffer.from(output).toString();
}

const statuses = (pool: PerformerPool) => pool.list().map(({ id, status }) => [id, status]);
const types = (events: readonly PerformerEvent[]) => events.map(({ type }) => type);

describe('a deployment at run time', () => {
  test('default: the new performer gets the tasks at once, the former one finishes its own and is removed', async () => {
    const { runtime, of, start } = await world();
    const pool = await start({});
    const slow = deferred<string>();
    runtime.state.work = (payload, instance) =>
      payload === 'slow' ? slow.promise : Promise.resolve(instance);
    const underWay = run(pool, 'slow');
    await until(() => runtime.newest().tasks.length === 1);

    const steps: string[] = [];
    const deployed = await pool.deploy(spec(), { onProgress: ({ step }) => steps.push(step) }, never);
    expect(deployed).toEqual({
      deploymentId: of('instance-2')[0]?.deployment.id,
      performerId: 'instance-2',
    });
    expect(steps).toEqual(['start', 'health', 'promote']);
    expect(await run(pool, 'x')).toBe('instance-2');
    expect(statuses(pool)).toEqual([
      ['instance-2', 'InService'],
      ['instance-1', 'Draining'],
    ]);
    expect(runtime.instances[0]?.stops).toEqual([]);

    slow.resolve('late');
    expect(await underWay).toBe('late');
    await until(() => pool.list().length === 1);
    expect(runtime.instances.map(({ isRunning }) => isRunning)).toEqual([false, true]);
    expect(types(of('instance-1'))).toEqual(['asked', 'started', 'promoted', 'draining', 'ended']);
    expect(of('instance-1').at(-1)).toMatchObject({
      outcome: 'removed',
      reason: 'replaced by another deployment',
    });
    expect(types(of('instance-2'))).toEqual(['asked', 'started', 'promoted']);
  });

  test('behavior: a task that does not finish in the drain time is run once more on the new performer', async () => {
    const { runtime, clock, start } = await world();
    const pool = await start({});
    runtime.state.work = (_payload, instance) =>
      instance === 'instance-1' ? new Promise(() => undefined) : Promise.resolve(instance);
    const hanging = run(pool, 'x');
    await until(() => runtime.newest().tasks.length === 1);
    await pool.deploy(spec(), {}, never);
    await clock.advance(DRAIN_MS - 1);
    expect(runtime.instances[0]?.isRunning).toBe(true);
    await clock.advance(1);
    expect(await hanging).toBe('instance-2');
    expect(runtime.instances[0]?.isRunning).toBe(false);
  });

  test('behavior: an AVS that had none gets one', async () => {
    const { start } = await world();
    const pool = await start();
    expect(() => pool.check(AVS)).toThrow(expect.objectContaining({ code: 'PERFORMER_MISSING' }));
    await pool.deploy(spec(), {}, never);
    pool.check(AVS);
    expect(await run(pool, 'x')).toBe('x');
  });

  test('behavior: it comes into service only after what is to be done before', async () => {
    const { runtime, start } = await world();
    const pool = await start({});
    runtime.state.work = async (_payload, instance) => instance;
    const saved = deferred();
    const deploying = pool.deploy(spec(), { beforeService: () => saved.promise }, never);
    await until(() => runtime.instances.length === 2);
    expect(await run(pool, 'x')).toBe('instance-1');
    expect(statuses(pool)).toEqual([
      ['instance-1', 'InService'],
      ['instance-2', 'Staged'],
    ]);
    saved.resolve();
    await deploying;
    expect(await run(pool, 'x')).toBe('instance-2');
  });

  test('error: a second one of the same AVS, not of another one', async () => {
    const { start } = await world();
    const pool = await start({});
    const saved = deferred();
    const first = pool.deploy(spec(), { beforeService: () => saved.promise }, never);
    await expect(pool.deploy(spec(), {}, never)).rejects.toMatchObject({ code: 'DEPLOYMENT_UNDER_WAY' });
    await pool.deploy(spec({ avs: OTHER }), {}, never);
    saved.resolve();
    await first;
    await pool.deploy(spec(), {}, never);
  });

  test('error: one that never becomes healthy leaves the former in service, and says why', async () => {
    const { runtime, of, start, passUntil } = await world();
    const pool = await start({});
    runtime.state.serves = false;
    let failure: unknown;
    const deploying = pool.deploy(spec(), {}, never).catch((error: unknown) => {
      failure = error;
    });
    await passUntil(() => failure !== undefined);
    await deploying;
    expect(failure).toMatchObject({
      code: 'PERFORMER_UNAVAILABLE',
      message: expect.stringContaining('did not become healthy within 60 seconds'),
      facts: { lastOutput: 'last words of instance-2' },
    });
    expect(of('instance-2').at(-1)).toMatchObject({
      type: 'ended',
      outcome: 'failed',
      reason: expect.stringContaining('did not become healthy'),
      lastLines: ['last words of instance-2'],
    });
    expect(statuses(pool)).toEqual([['instance-1', 'InService']]);
    expect(runtime.instances.map(({ isRunning }) => isRunning)).toEqual([true, false]);
    expect(await run(pool, 'x')).toBe('x');
  });

  test.each<[string, (runtime: ReturnType<typeof scriptedRuntime>) => () => Promise<void>, string]>([
    [
      'it cannot be started',
      ({ state }) => {
        state.failure = new PonosError('IMAGE_MISSING', { message: 'no such image' });
        return async () => undefined;
      },
      'IMAGE_MISSING',
    ],
    [
      'the engine is gone',
      (runtime) => {
        runtime.state.failure = new PonosError('DOCKER_UNAVAILABLE', { message: 'gone' });
        return async () => undefined;
      },
      'DOCKER_UNAVAILABLE',
    ],
    [
      'it cannot be written down',
      () => () => Promise.reject(new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' })),
      'STORE_UNAVAILABLE',
    ],
  ])('error: %s: nothing is left of it, and it is not tried again', async (_name, prepare, code) => {
    const { runtime, clock, events, start } = await world();
    const pool = await start({});
    const beforeService = prepare(runtime);
    await expect(pool.deploy(spec(), { beforeService }, never)).rejects.toMatchObject({ code });
    expect(statuses(pool)).toEqual([['instance-1', 'InService']]);
    expect(events.at(-1)).toMatchObject({ type: 'ended', outcome: 'failed' });
    const { length } = runtime.instances;
    await clock.advance(100_000);
    expect(runtime.instances).toHaveLength(length);
    expect(runtime.instances.filter(({ isRunning }) => isRunning)).toHaveLength(1);
    await expect(pool.deploy(spec({ avs: OTHER }), { beforeService }, never)).rejects.toMatchObject({ code });
    expect(() => pool.check(OTHER)).toThrow(expect.objectContaining({ code: 'PERFORMER_MISSING' }));
  });

  test('error: it can be given up, but not once it is being written down', async () => {
    const { runtime, start } = await world();
    const pool = await start({});
    runtime.state.serves = false;
    const early = new AbortController();
    const givenUp = pool.deploy(spec(), {}, early.signal);
    await until(() => runtime.instances.length === 2);
    early.abort();
    await expect(givenUp).rejects.toMatchObject({ code: 'ABORTED', message: 'the deployment was given up' });
    expect(runtime.instances[1]?.isRunning).toBe(false);

    runtime.state.serves = true;
    const late = new AbortController();
    const beforeService = async () => late.abort();
    expect(await pool.deploy(spec(), { beforeService }, late.signal)).toMatchObject({
      performerId: 'instance-3',
    });
    expect(statuses(pool)[0]).toEqual(['instance-3', 'InService']);
  });
});

describe('removing', () => {
  test('default: one in service gets no more tasks, finishes its own, and is gone', async () => {
    const { runtime, of, start } = await world();
    const pool = await start({});
    const slow = deferred<string>();
    runtime.state.work = () => slow.promise;
    const underWay = run(pool, 'slow');
    await until(() => runtime.newest().tasks.length === 1);
    const removed = pool.remove('instance-1');
    await expect(run(pool, 'x')).rejects.toMatchObject({ code: 'PERFORMER_MISSING' });
    slow.resolve('late');
    expect(await underWay).toBe('late');
    await removed;
    expect(pool.list()).toEqual([]);
    expect(of('instance-1').at(-1)).toMatchObject({ outcome: 'removed', reason: 'removed on request' });
  });

  test('behavior: a deployment is given up by it', async () => {
    const { runtime, start } = await world();
    const pool = await start({});
    runtime.state.serves = false;
    const deploying = pool.deploy(spec(), {}, never);
    const refused = expect(deploying).rejects.toMatchObject({
      code: 'ABORTED',
      message: 'removed on request',
    });
    await until(() => pool.list().some(({ id }) => id === 'instance-2'));
    await pool.remove('instance-2');
    await refused;
    expect(statuses(pool)).toEqual([['instance-1', 'InService']]);
  });

  test('error: one that is not there', async () => {
    const { start } = await world();
    const pool = await start({});
    await expect(pool.remove('instance-7')).rejects.toMatchObject({ code: 'PERFORMER_MISSING' });
  });
});

describe('after a run that was killed', () => {
  /** An instance that the next run finds. */
  async function leftBehind(changes: Partial<PerformerSpec> = {}) {
    const here = await world();
    const instance = await here.runtime.deploy(spec(changes), never);
    const deployment = { id: 'd1', avs: AVS, image: undefined, command: [] };
    const earlier = {
      deployment,
      instance: { id: instance.id, avs: AVS, containerId: instance.container?.id },
    };
    return { ...here, earlier };
  }

  test('default: what runs is adopted, before what else was left is removed', async () => {
    const { runtime, events, earlier, start } = await leftBehind();
    let adoptedFirst = false;
    const { removeOrphans } = runtime;
    runtime.removeOrphans = async () => {
      adoptedFirst = runtime.adoptions.length === 1 && runtime.instances.length === 1;
      await removeOrphans();
    };
    const pool = await start({ earlier }, { spec: spec({ avs: OTHER }) });
    expect(adoptedFirst).toBe(true);
    expect(runtime.instances.map(({ spec: { avs } }) => avs)).toEqual([AVS, OTHER]);
    expect(events[0]).toMatchObject({
      type: 'adopted',
      deployment: { id: 'd1' },
      instance: { id: 'instance-1' },
    });
    expect(pool.list()[0]).toMatchObject({ id: 'instance-1', deploymentId: 'd1', status: 'InService' });
    expect(await run(pool, 'x')).toBe('x');
    await pool.close(0);
    expect(events.filter(({ deployment }) => deployment.id === 'd1').at(-1)).toMatchObject({
      type: 'ended',
      outcome: 'removed',
    });
  });

  test('behavior: what is not healthy is stopped, and deployed anew', async () => {
    const { runtime, clock, events, earlier, start } = await leftBehind();
    runtime.newest().setServing(false);
    const starting = start({ earlier });
    await until(() => clock.sleepers > 0);
    let pool: PerformerPool | undefined;
    void starting.then((started) => {
      pool = started;
    });
    while (pool === undefined) await clock.advance(1_000);
    expect(runtime.instances.map(({ isRunning }) => isRunning)).toEqual([false, true]);
    expect(types(events).slice(0, 3)).toEqual(['asked', 'started', 'promoted']);
    expect(events[0]?.deployment.id).not.toBe('d1');
  });

  test('behavior: what is gone is deployed anew', async () => {
    const { runtime, events, earlier, start } = await leftBehind();
    await runtime.newest().crash();
    const pool = await start({ earlier });
    expect(pool.list()[0]).toMatchObject({ id: 'instance-2', status: 'InService' });
    expect(types(events)).toEqual(['asked', 'started', 'promoted']);
  });

  test('behavior: with values that were not kept it is adopted while it runs, and restarted with them', async () => {
    const { runtime, earlier, start, passUntil } = await leftBehind({ env: secretEnv({ KEY: 'sesame' }) });
    const pool = await start({ spec: spec({ lostEnv: [{ name: 'KEY' }] }), earlier, isEssential: false });
    expect(statuses(pool)).toEqual([['instance-1', 'InService']]);
    await runtime.newest().crash();
    await passUntil(() => statuses(pool)[0]?.[0] === 'instance-2' && statuses(pool)[0]?.[1] === 'InService');
    expect(runtime.newest().spec.env.get('KEY')?.reveal()).toBe('sesame');
  });

  test('behavior: with values that were not kept and nothing that runs it says what is to be done, once', async () => {
    const { runtime, events, clock, start } = await world();
    const lost = { spec: spec({ lostEnv: [{ name: 'KEY' }] }), isEssential: false };
    const pool = await start(lost, { spec: spec({ avs: OTHER }) });
    const reason =
      'the performer needs to be deployed again: the values of KEY came with a call and are not kept';
    expect(pool.list()[0]).toMatchObject({ status: 'OutOfService', reason: expect.stringContaining(reason) });
    await expect(run(pool, 'x')).rejects.toMatchObject({
      code: 'PERFORMER_UNAVAILABLE',
      message: expect.stringContaining(reason),
    });
    await clock.advance(600_000);
    expect(runtime.instances).toHaveLength(1);
    expect(types(events.filter(({ deployment: { avs } }) => avs === AVS))).toEqual(['asked', 'ended']);
    await pool.deploy(spec({ env: secretEnv({ KEY: 'again' }) }), {}, never);
    expect(await run(pool, 'x')).toBe('x');
  });
});

describe('at the start of the node', () => {
  const noImage = new PonosError('IMAGE_MISSING', { message: 'no such image' });

  test('error: a configured performer that cannot run keeps it from starting', async () => {
    const { runtime, start } = await world();
    runtime.state.failure = noImage;
    await expect(start({})).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
  });

  test('behavior: one that was deployed by a call does not: only a call can mend it', async () => {
    const { runtime, start, clock } = await world();
    runtime.state.failure = noImage;
    const pool = await start({ isEssential: false });
    expect(pool.list()).toMatchObject([{ status: 'OutOfService', reason: 'no such image' }]);
    runtime.state.failure = undefined;
    await clock.advance(2_000);
    await until(() => pool.list()[0]?.status === 'InService');
  });

  test('error: an engine that is gone when orphans are to be removed', async () => {
    const { runtime, start } = await world();
    runtime.loseEngine();
    await expect(start()).rejects.toMatchObject({ code: 'DOCKER_UNAVAILABLE' });
  });
});

describe('a performer that is lost', () => {
  test('behavior: given up after five restarts, each later than the one before', async () => {
    const { runtime, events, start, passUntil } = await world();
    runtime.state.failure = new PonosError('PERFORMER_UNAVAILABLE', { message: 'not now' });
    const pool = await start({});
    await passUntil(() => types(events).filter((type) => type === 'ended').length === 6);
    await passUntil(() => true);
    expect(types(events)).toEqual(Array(6).fill(['asked', 'ended']).flat());
    const asked = events.filter(({ type }) => type === 'asked').map(({ atMs }) => atMs);
    const pauses = asked.slice(1).map((atMs, index) => atMs - (asked[index] ?? 0));
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 30_000]);
    expect(pool.list()).toMatchObject([{ status: 'OutOfService', reason: 'not now' }]);
    await expect(run(pool, 'x')).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
    // It is not lost for ever: a deployment brings it back.
    runtime.state.failure = undefined;
    await pool.deploy(spec(), {}, never);
    expect(await run(pool, 'x')).toBe('x');
  });

  test('behavior: three failed checks in a row replace it, two do not', async () => {
    const { runtime, of, start, passUntil } = await world();
    const pool = await start({});
    const [first] = runtime.instances;
    const checks = () => of('instance-1').filter(({ type }) => type === 'checked');
    first?.setServing(false);
    await passUntil(() => checks().length === 2, 15_000);
    first?.setServing(true);
    await passUntil(() => checks().length === 3, 15_000);
    first?.setServing(false);
    await passUntil(() => statuses(pool)[0]?.[0] === 'instance-2', 1_000);
    await until(() => pool.list()[0]?.status === 'InService');
    expect(checks().map((event) => event.type === 'checked' && event.isHealthy)).toEqual([
      false,
      false,
      true,
      false,
      false,
      false,
    ]);
    expect(of('instance-1').at(-1)).toMatchObject({
      outcome: 'failed',
      reason: 'unhealthy 3 times in a row: it has not said in time that it serves',
    });
  });

  test('behavior: its task is run once more on the restarted one, and a second loss is an error', async () => {
    const { runtime, start, passUntil } = await world();
    const pool = await start({});
    const [first] = runtime.instances;
    runtime.state.work = async (payload, instance) => {
      const isLost = payload === 'always' || instance === first?.id;
      if (isLost) await runtime.instances.find(({ id }) => id === instance)?.crash();
      return instance;
    };
    let output: string | undefined;
    void run(pool, 'once').then((text) => {
      output = text;
    });
    await passUntil(() => output !== undefined);
    expect(output).toBe('instance-2');
    let failure: unknown;
    void run(pool, 'always').catch((error: unknown) => {
      failure = error;
    });
    await passUntil(() => failure !== undefined);
    expect(failure).toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
    expect(runtime.instances.flatMap(({ tasks }) => tasks)).toEqual(['once', 'once', 'always', 'always']);
  });

  test('error: a task whose time is over before it is back ends with the reason of its signal', async () => {
    const { runtime, start } = await world();
    const pool = await start({});
    runtime.state.work = async () => {
      await runtime.newest().crash();
      return '';
    };
    const deadline = new AbortController();
    const waiting = run(pool, 'x', deadline.signal);
    await until(() => pool.list()[0]?.status === 'OutOfService');
    deadline.abort(new PonosError('TASK_EXPIRED', { message: 'too late' }));
    await expect(waiting).rejects.toMatchObject({ code: 'TASK_EXPIRED' });
  });
});

describe('an engine that goes away', () => {
  test('behavior: tasks fail at once; when it is back, what still runs is taken over', async () => {
    const { runtime, clock, of, start, passUntil } = await world();
    const pool = await start({});
    runtime.loseEngine();
    await until(() => pool.list()[0]?.status === 'OutOfService');
    await expect(run(pool, 'x')).rejects.toMatchObject({
      code: 'PERFORMER_UNAVAILABLE',
      message: expect.stringContaining('lost with the engine'),
    });
    await clock.advance(600_000);
    expect(runtime.adoptions.length).toBeGreaterThan(15);
    expect(pool.list()).toMatchObject([{ status: 'OutOfService', reason: 'the engine is gone' }]);
    runtime.restoreEngine();
    await passUntil(() => pool.list()[0]?.status === 'InService');
    expect(runtime.instances).toHaveLength(1);
    expect(await run(pool, 'x')).toBe('x');
    const told = types(of('instance-1'));
    expect(told.filter((type) => type === 'asked' || type === 'ended')).toEqual(['asked']);
    expect(told).toContain('waiting');
    expect(told.at(-1)).toBe('adopted');
  });

  test('error: a task that loses its performer meanwhile does not wait for the engine', async () => {
    const { runtime, start } = await world();
    const pool = await start({});
    runtime.state.work = () => new Promise(() => undefined);
    const hanging = run(pool, 'x');
    await until(() => runtime.newest().tasks.length === 1);
    runtime.loseEngine();
    await until(() => pool.list()[0]?.status === 'OutOfService');
    await runtime.newest().crash();
    await expect(hanging).rejects.toMatchObject({
      code: 'PERFORMER_UNAVAILABLE',
      message: expect.stringContaining('not in service'),
    });
  });

  test('behavior: closing does not wait for tasks of what cannot be stopped', async () => {
    const { runtime, start } = await world();
    const pool = await start({});
    runtime.state.work = () => new Promise(() => undefined);
    const hanging = expect(run(pool, 'x')).rejects.toMatchObject({ kind: expect.any(String) });
    await until(() => runtime.newest().tasks.length === 1);
    await pool.deploy(spec(), {}, never);
    expect(pool.list().map(({ status }) => status)).toEqual(['InService', 'Draining']);
    runtime.loseEngine();
    await pool.close(0);
    await hanging;
  });

  test('behavior: what ended with it is deployed anew when it is back', async () => {
    const { runtime, of, start, passUntil } = await world();
    const pool = await start({});
    runtime.loseEngine();
    await runtime.newest().crash();
    await until(() => pool.list()[0]?.status === 'OutOfService');
    runtime.restoreEngine();
    await passUntil(() => pool.list()[0]?.status === 'InService');
    expect(statuses(pool)).toEqual([['instance-2', 'InService']]);
    expect(of('instance-1').at(-1)).toMatchObject({ type: 'ended', outcome: 'failed' });
  });

  test('error: a deployment that is on its way is told to have failed for want of the engine', async () => {
    const { runtime, start } = await world();
    const pool = await start({});
    runtime.state.serves = false;
    const deploying = pool.deploy(spec(), {}, never);
    await until(() => runtime.instances.length === 2);
    runtime.loseEngine();
    runtime.restoreEngine();
    await expect(deploying).rejects.toMatchObject({ code: 'DOCKER_UNAVAILABLE' });
  });

  test('behavior: one that loses it at each start, before it serves, is not given up', async () => {
    const { runtime, start, passUntil } = await world();
    const pool = await start({});
    runtime.state.serves = false;
    await runtime.newest().crash();
    for (let starts = 2; starts < 10; starts += 1) {
      await passUntil(() => runtime.instances.length === starts);
      runtime.loseEngine();
      runtime.restoreEngine();
    }
    runtime.state.serves = true;
    await passUntil(() => pool.list()[0]?.status === 'InService');
    expect(statuses(pool)).toEqual([['instance-10', 'InService']]);
  });

  test('behavior: for one that was never started a single deployment waits, however often it is tried', async () => {
    const { runtime, events, clock, start } = await world();
    const pool = await start({});
    const before = events.length;
    await runtime.newest().crash();
    await until(() => events.at(-1)?.type === 'ended');
    runtime.loseEngine();
    await clock.advance(600_000);
    const later = events.slice(before).filter(({ deployment }) => deployment.id !== events[0]?.deployment.id);
    expect(new Set(later.map(({ deployment }) => deployment.id)).size).toBe(1);
    expect(types(later)).toEqual(['asked', ...Array(later.length - 1).fill('waiting')]);
    expect(later.length).toBeGreaterThan(15);
    await pool.close(0);
    expect(events.at(-1)).toMatchObject({ type: 'ended', outcome: 'removed', reason: 'the node stopped' });
    expect(clock.sleepers).toBe(0);
  });
});

test('behavior: closing in the middle of a drain and a deployment leaves nothing behind', async () => {
  const { runtime, clock, start } = await world();
  const pool = await start({});
  runtime.state.work = () => new Promise(() => undefined);
  const hanging = expect(run(pool, 'x')).rejects.toMatchObject({ kind: expect.any(String) });
  await until(() => runtime.newest().tasks.length === 1);
  await pool.deploy(spec(), {}, never);
  runtime.state.serves = false;
  const deploying = expect(pool.deploy(spec(), {}, never)).rejects.toMatchObject({ code: 'ABORTED' });
  await until(() => runtime.instances.length === 3);
  await pool.close(0);
  await deploying;
  await hanging;
  expect(runtime.instances.map(({ isRunning }) => isRunning)).toEqual([false, false, false]);
  expect(clock.sleepers).toBe(0);
});
