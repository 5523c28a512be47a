/** What every performer runtime must do; run against each of them. */

import { afterEach, describe, expect, test } from '@jest/globals';
import { parseAddress, parseTaskId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { PonosError } from '../../src/base/error.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import { createPerformerClient, type PerformerClient } from '../../src/performer/client.js';
import { startPerformerPool } from '../../src/performer/performer-pool.js';
import type {
  DeployProgress,
  PerformerInstance,
  PerformerRuntime,
  PerformerSpec,
} from '../../src/performer/runtime.js';
import { deferred } from './deferred.js';
import { until } from './until.js';

export const AVS = parseAddress(`0x${'a5'.repeat(20)}`);
export const TASK_ID = parseTaskId(`0x${'1f'.repeat(32)}`);
const MAX_OUTPUT_BYTES = 100_000;
const never = new AbortController().signal;

export interface RuntimeUnderTest {
  open(): Promise<PerformerRuntime>;
  /** A spec of the program in performer-program.ts. */
  spec(env?: Readonly<Record<string, string>>): PerformerSpec;
  /** Whether instances outlive the node that started them. */
  readonly outlivesNode: boolean;
}

/** Values as a configuration's `envs` become. */
export function secretEnv(env: Readonly<Record<string, string>>): ReadonlyMap<string, Secret> {
  return new Map(Object.entries(env).map(([name, value]) => [name, new Secret(value)]));
}

/** @param runtime called in each test, so that the suite can prepare itself first */
export function describePerformerRuntime(name: string, runtime: () => RuntimeUnderTest): void {
  describe(`the performer contract: ${name}`, () => defineContract(runtime));
}

function defineContract(runtime: () => RuntimeUnderTest): void {
  const closers: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function open(): Promise<PerformerRuntime> {
    const opened = await runtime().open();
    closers.push(() => opened.close());
    return opened;
  }

  async function deploy(env?: Record<string, string>): Promise<PerformerInstance> {
    return (await open()).deploy(runtime().spec(env), never);
  }

  async function connect(instance: Pick<PerformerInstance, 'endpoint'>): Promise<PerformerClient> {
    const client = createPerformerClient({
      endpoint: instance.endpoint,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      clock: systemClock,
    });
    closers.push(() => client.close());
    await client.waitUntilServing(20_000, never);
    return client;
  }

  async function run(client: PerformerClient, payload: string, signal = never): Promise<string> {
    return Buffer.from(await client.execute(TASK_ID, Buffer.from(payload), signal)).toString('utf8');
  }

  describe('a performer', () => {
    test('default: is deployed, becomes healthy and does a task', async () => {
      const instance = await deploy();
      const client = await connect(instance);
      expect(await run(client, 'echo 49')).toBe('49');
      expect(await run(client, 'task-id')).toBe(TASK_ID);
      expect(instance.avs).toBe(AVS);
    });

    test('default: gets its variables and none of ours', async () => {
      process.env.PONOS_TEST_PRIVATE = 'ours alone';
      closers.push(() => {
        delete process.env.PONOS_TEST_PRIVATE;
      });
      const client = await connect(await deploy({ LOG_LEVEL: 'debug', EMPTY: '' }));
      expect(await run(client, 'env LOG_LEVEL')).toBe('debug');
      expect(await run(client, 'env EMPTY')).toBe('');
      expect(await run(client, 'env AVS_ADDRESS')).toBe(AVS);
      expect(await run(client, 'env PONOS_TEST_PRIVATE')).toBe('(unset)');
    });

    test('behavior: without the health service it counts as serving', async () => {
      const client = await connect(await deploy({ HEALTH: 'none' }));
      expect(await run(client, 'echo x')).toBe('x');
    });

    test('behavior: says when it is not healthy', async () => {
      const client = await connect(await deploy());
      await until('it says that it serves', () => client.isServing());
      await run(client, 'sicken');
      expect(await client.isServing()).toBe(false);
    });

    test('error: its own failure carries its message', async () => {
      const client = await connect(await deploy());
      await expect(run(client, 'fail no such number')).rejects.toMatchObject({
        code: 'PERFORMER_FAILED',
        message: 'the performer failed: no such number',
      });
    });

    test('error: an output over the limit, by little or by much', async () => {
      const client = await connect(await deploy());
      expect(await run(client, `size ${MAX_OUTPUT_BYTES}`)).toHaveLength(MAX_OUTPUT_BYTES);
      for (const bytes of [MAX_OUTPUT_BYTES + 1, 8 * 1024 * 1024]) {
        await expect(run(client, `size ${bytes}`)).rejects.toMatchObject({
          code: 'PERFORMER_FAILED',
          message: `the performer's output is larger than ${MAX_OUTPUT_BYTES} bytes`,
        });
      }
      expect(await run(client, 'echo still here')).toBe('still here');
    });

    test('error: a task that hangs ends with the reason of its signal', async () => {
      const client = await connect(await deploy());
      const deadline = new AbortController();
      const hanging = run(client, 'hang', deadline.signal);
      expect(await run(client, 'echo meanwhile')).toBe('meanwhile');
      deadline.abort(new PonosError('TASK_EXPIRED', { message: 'the deadline has passed' }));
      await expect(hanging).rejects.toMatchObject({ code: 'TASK_EXPIRED' });
    });

    test('error: a crash is told to the task and to whoever watches, with the last words', async () => {
      const instance = await deploy();
      const client = await connect(instance);
      expect(instance.isSound()).toBe(true);
      await expect(run(client, 'crash 3')).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
      const exit = await instance.exited;
      expect(exit).toMatchObject({ reason: 'exited with code 3', cause: 'performer' });
      expect(instance.isSound()).toBe(false);
      expect(exit.lastLines).toContain('leaving with 3');
    });
  });

  describe('deploying', () => {
    test('behavior: says how far it has come, and no value of a variable', async () => {
      const steps: DeployProgress[] = [];
      await (await open()).deploy(runtime().spec({ API_KEY: 'sesame-4711' }), never, (step) =>
        steps.push(step),
      );
      expect(steps.at(-1)?.step).toBe('start');
      expect(JSON.stringify(steps)).not.toContain('sesame');
    });

    test('behavior: in a pool the new one gets the tasks, the former one finishes its own and is gone', async () => {
      const lost = deferred<string>();
      const pool = await startPerformerPool(
        {
          performers: [{ spec: runtime().spec({ VERSION: '1' }), isEssential: true }],
          runtime: await open(),
          maxOutputBytes: MAX_OUTPUT_BYTES,
          drainMs: 20_000,
          listener: (event) => event.type === 'ended' && lost.resolve(event.reason),
          clock: systemClock,
          logger: silentLogger,
        },
        never,
      );
      closers.push(() => pool.close(0));
      const task = (payload: string) =>
        pool.execute({ avs: AVS, taskId: TASK_ID, payload: Buffer.from(payload) }, never);
      expect(Buffer.from(await task('env VERSION')).toString()).toBe('1');
      const former = await connect({ endpoint: String(pool.list()[0]?.endpoint) });
      const underWay = task('held-env VERSION');
      await pool.deploy(runtime().spec({ VERSION: '2' }), {}, never);
      expect(Buffer.from(await task('env VERSION')).toString()).toBe('2');
      await until('the former performer ran the task', async () => (await run(former, 'let-go')) === 'true');
      expect(Buffer.from(await underWay).toString()).toBe('1');
      expect(await lost.promise).toBe('replaced by another deployment');
      await until('the former performer was gone', () => pool.list().length === 1);
      expect(pool.list()).toMatchObject([{ status: 'InService' }]);
    });
  });

  describe('another run of the node', () => {
    /** An instance that serves, and a runtime that has not started it. */
    async function leftBehind(env?: Record<string, string>) {
      const instance = await deploy(env);
      await connect(instance);
      const { id, avs, container } = instance;
      return { instance, earlier: { id, avs, containerId: container?.id }, next: await open() };
    }

    test('behavior: takes over what runs, if that can outlive a node', async () => {
      const { instance, earlier, next } = await leftBehind({ COLOUR: 'blue-green' });
      const adopted = await next.adopt(earlier, runtime().spec({ COLOUR: 'blue-green' }), never);
      if (!runtime().outlivesNode) {
        expect(adopted).toBeUndefined();
        expect(instance.isSound()).toBe(true);
        return;
      }
      expect(adopted?.instance).toMatchObject({ id: instance.id, container: instance.container });
      await next.removeOrphans();
      if (adopted === undefined) throw new Error('it was not adopted');
      expect(await run(await connect(adopted.instance), 'env COLOUR')).toBe('blue-green');
      // What it has printed is read from its engine, which is not who has answered.
      await until('its output is there', () => adopted.instance.lastLines().join().includes('listening'));
      await adopted.instance.stop(10_000);
      expect((await adopted.instance.exited).reason).toBe('exited with code 0');
    });

    test('behavior: reads values that are not known any more from what runs', async () => {
      if (!runtime().outlivesNode) return;
      const { earlier, next } = await leftBehind({ API_KEY: 'sesame-4711' });
      const adopted = await next.adopt(
        earlier,
        { ...runtime().spec(), lostEnv: [{ name: 'API_KEY' }] },
        never,
      );
      expect(adopted?.spec.env.get('API_KEY')?.reveal()).toBe('sesame-4711');
      expect(adopted?.spec.lostEnv ?? []).toEqual([]);
    });

    test('behavior: removes what runs in another way than it is to run', async () => {
      if (!runtime().outlivesNode) return;
      const cases: [string, Record<string, string>, Partial<PerformerSpec>][] = [
        ['another value of a variable', { COLOUR: 'green' }, {}],
        ['a variable more', { COLOUR: 'blue', SIZE: 'small' }, {}],
        ['a variable less', {}, {}],
        ['another program', { COLOUR: 'blue' }, { command: ['another'] }],
      ];
      const outcomes = await Promise.all(
        cases.map(async ([name, env, changes]) => {
          const { instance, earlier, next } = await leftBehind({ COLOUR: 'blue' });
          const adopted = await next.adopt(earlier, { ...runtime().spec(env), ...changes }, never);
          await instance.exited;
          return [name, adopted];
        }),
      );
      expect(outcomes).toEqual(cases.map(([name]) => [name, undefined]));
    });

    test('behavior: nothing of what it does not know is taken over', async () => {
      const next = await open();
      const unknown = { id: 'avs-performer-000000-000000000000', avs: AVS, containerId: 'f'.repeat(64) };
      expect(await next.adopt(unknown, runtime().spec(), never)).toBeUndefined();
    });
  });

  describe('stopping', () => {
    test('default: ends by itself in the grace time', async () => {
      const instance = await deploy();
      await connect(instance);
      await instance.stop(20_000);
      expect((await instance.exited).reason).toBe('exited with code 0');
    });

    test('behavior: one that ignores the request is killed after the grace time', async () => {
      const instance = await deploy({ AT_SIGTERM: 'ignore' });
      await connect(instance);
      await Promise.all([instance.stop(1_000), instance.stop(1_000)]);
      expect((await instance.exited).reason).toMatch(/^(killed by SIGKILL|exited with code 137.*)$/);
    });

    test('behavior: close ends all of them', async () => {
      const opened = await open();
      const instances = await Promise.all([
        opened.deploy(runtime().spec(), never),
        opened.deploy(runtime().spec({ AT_SIGTERM: 'ignore' }), never),
      ]);
      expect(new Set(instances.map((instance) => instance.id)).size).toBe(2);
      expect(new Set(instances.map((instance) => instance.endpoint)).size).toBe(2);
      await opened.close();
      await Promise.all(instances.map((instance) => instance.exited));
    });

    test('error: nothing is deployed for a caller that has given up', async () => {
      const opened = await open();
      await expect(opened.deploy(runtime().spec(), AbortSignal.abort())).rejects.toMatchObject({
        code: 'ABORTED',
      });
    });
  });
}
