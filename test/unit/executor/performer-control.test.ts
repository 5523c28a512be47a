import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseAddress, parseTaskId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { Secret } from '../../../src/base/secret.js';
import type { PerformerConfig } from '../../../src/config/types.js';
import { createPerformerControl } from '../../../src/executor/performer-control.js';
import { entryMark } from '../../../src/executor/performer-orders.js';
import type { RequireReleased } from '../../../src/executor/require-released.js';
import { type PerformerPool, startPerformerPool } from '../../../src/performer/performer-pool.js';
import { performerSpec } from '../../../src/performer/spec-from-config.js';
import { createPerformerOrderStore } from '../../../src/store/executor-performer-orders.js';
import type { KeyValueStore } from '../../../src/store/key-value-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { deferred } from '../../support/deferred.js';
import { manualClock, settle } from '../../support/manual-clock.js';
import { type ScriptedRuntime, scriptedRuntime } from '../../support/scripted-runtime.js';

const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
const OTHER = parseAddress(`0x${'0b'.repeat(20)}`);
const never = new AbortController().signal;
const noProgress = () => undefined;
const v2 = { repository: 'my-avs', tag: 'v2' };
const processEnv = { OUR_KEY: 'sesame' };

const configured: PerformerConfig = {
  avsAddress: AVS,
  processType: 'server',
  deploymentMode: 'docker',
  image: { repository: 'my-avs', tag: 'v1' },
  command: ['serve'],
  envs: [
    { name: 'LICENCE', value: new Secret('of the configuration') },
    { name: 'COLOUR', value: new Secret('blue') },
  ],
  resources: { memory: 5e8, cpus: 1, pids: 64, readOnlyRootfs: true },
};

let runtime: ScriptedRuntime;
let values: KeyValueStore;
let pool: PerformerPool;
const clock = manualClock(5_000);

beforeEach(async () => {
  runtime = scriptedRuntime();
  values = createMemoryStore();
  pool = await startPerformerPool(
    {
      performers: [{ spec: performerSpec(configured, {}), isEssential: true }],
      runtime,
      maxOutputBytes: 1,
      drainMs: 1_000,
      listener: () => undefined,
      clock,
      logger: silentLogger,
    },
    never,
  );
});
afterEach(() => pool.close(0));

const orders = () => createPerformerOrderStore(values).all();

function controlOf(
  mode: PerformerConfig['deploymentMode'] = 'docker',
  store = values,
  requireReleased?: RequireReleased,
) {
  return createPerformerControl({
    pool,
    requireReleased,
    orders: createPerformerOrderStore(store),
    configured: [configured],
    mode,
    processEnv,
    clock,
  });
}

describe('a deployment by a call', () => {
  test('error: an image that must be released and is not: nothing is deployed, and nothing kept', async () => {
    const asked: unknown[] = [];
    const control = controlOf('docker', values, async ({ avs, image }) => {
      asked.push([avs, image]);
      throw new PonosError('RELEASE_REFUSED', { message: 'not in the latest release' });
    });
    await expect(control.deploy({ avs: AVS, image: v2, envs: [] }, noProgress, never)).rejects.toMatchObject({
      code: 'RELEASE_REFUSED',
    });
    expect(asked).toEqual([[AVS, v2]]);
    expect(pool.list().map(({ status }) => status)).toEqual(['InService']);
    expect(await orders()).toEqual([]);
  });

  test('default: the image of the call, the rest as configured; and it is kept without values', async () => {
    const envs = [
      { name: 'COLOUR', value: new Secret('green') },
      { name: 'KEY', valueFromEnv: 'OUR_KEY' },
    ];
    const deployed = await controlOf().deploy({ avs: AVS, image: v2, envs }, noProgress, never);
    expect(deployed).toMatchObject({ performerId: 'instance-2', deploymentId: expect.any(String) });
    const { spec } = runtime.newest();
    expect(spec).toMatchObject({
      image: v2,
      command: ['serve'],
      resources: { memoryBytes: 5e8, readOnlyRootfs: true },
    });
    expect([...spec.env].map(([name, value]) => [name, value.reveal()])).toEqual([
      ['LICENCE', 'of the configuration'],
      ['COLOUR', 'green'],
      ['KEY', 'sesame'],
    ]);
    expect(await orders()).toEqual([
      {
        avs: AVS,
        atMs: clock.nowMs(),
        configured: entryMark(configured),
        wanted: { image: v2, envs: [{ name: 'COLOUR' }, { name: 'KEY', valueFromEnv: 'OUR_KEY' }] },
      },
    ]);
  });

  test('behavior: an AVS without an entry gets the limits of an entry that names none', async () => {
    await controlOf().deploy({ avs: OTHER, image: v2, envs: [] }, noProgress, never);
    expect(runtime.newest().spec).toMatchObject({
      command: [],
      resources: { memoryBytes: 1024 ** 3, cpus: 2, pids: 512, readOnlyRootfs: false },
    });
    expect(await orders()).toEqual([{ avs: OTHER, atMs: clock.nowMs(), wanted: { image: v2, envs: [] } }]);
  });

  test('error: what fails is not kept, and the former one stays', async () => {
    runtime.state.failure = new PonosError('IMAGE_MISSING', { message: 'no such image' });
    const deploying = controlOf().deploy({ avs: AVS, image: v2, envs: [] }, noProgress, never);
    await expect(deploying).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
    expect(await orders()).toEqual([]);
    expect(controlOf().list()).toMatchObject([{ id: 'instance-1', status: 'InService' }]);
  });

  test('error: what cannot be kept does not come into service', async () => {
    const full = new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' });
    const failing = { ...values, batch: () => Promise.reject(full) };
    const deploying = controlOf('docker', failing).deploy(
      { avs: AVS, image: v2, envs: [] },
      noProgress,
      never,
    );
    await expect(deploying).rejects.toBe(full);
    expect(controlOf().list()).toMatchObject([{ id: 'instance-1', status: 'InService' }]);
    expect(runtime.newest().isRunning).toBe(false);
  });

  test('error: a variable of ours that is not set, before anything is started', async () => {
    const envs = [{ name: 'KEY', valueFromEnv: 'NOT_SET' }];
    const deploying = controlOf().deploy({ avs: AVS, envs }, noProgress, never);
    await expect(deploying).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(runtime.instances).toHaveLength(1);
  });

  test('error: an image, where performers are processes', async () => {
    const deploying = controlOf('process').deploy({ avs: AVS, image: v2, envs: [] }, noProgress, never);
    await expect(deploying).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await controlOf('process').deploy({ avs: AVS, envs: [] }, noProgress, never);
    expect(runtime.newest().spec).toMatchObject({ image: undefined, command: ['serve'] });
  });
});

describe('a removal by a call', () => {
  test('default: a configured one stays removed, another one is forgotten', async () => {
    const control = controlOf();
    const { performerId } = await control.deploy({ avs: OTHER, image: v2, envs: [] }, noProgress, never);
    await control.remove(performerId);
    expect(await orders()).toEqual([]);
    await control.remove('instance-1');
    expect(await orders()).toEqual([{ avs: AVS, atMs: clock.nowMs(), configured: entryMark(configured) }]);
    expect(control.list()).toEqual([]);
  });

  test('behavior: of two that are there the staged one can be removed, and the other one stays as it is', async () => {
    const control = controlOf();
    runtime.state.serves = false;
    const deploying = control.deploy({ avs: AVS, image: v2, envs: [] }, noProgress, never);
    const givenUp = expect(deploying).rejects.toMatchObject({ code: 'ABORTED' });
    while (control.list()[1]?.id !== 'instance-2') await settle();
    await expect(control.remove('instance-1')).rejects.toMatchObject({ code: 'DEPLOYMENT_UNDER_WAY' });
    await control.remove('instance-2');
    await givenUp;
    expect(control.list()).toMatchObject([{ id: 'instance-1', status: 'InService' }]);
    expect(await orders()).toEqual([]);
  });

  test('behavior: one that finishes its tasks can be cut short, and its successor stays', async () => {
    const control = controlOf();
    const begun = deferred();
    runtime.state.work = () => {
      begun.resolve();
      return new Promise(() => undefined);
    };
    const task = { avs: AVS, taskId: parseTaskId(`0x${'1f'.repeat(32)}`), payload: Buffer.from('x') };
    const deadline = new AbortController();
    const hanging = pool.execute(task, deadline.signal).catch(() => undefined);
    await begun.promise;
    await control.deploy({ avs: AVS, image: v2, envs: [] }, noProgress, never);
    expect(control.list().map(({ status }) => status)).toEqual(['InService', 'Draining']);
    await control.remove('instance-1');
    expect(control.list()).toMatchObject([{ id: 'instance-2', status: 'InService' }]);
    expect(await orders()).toMatchObject([{ wanted: { image: v2 } }]);
    deadline.abort();
    await hanging;
  });

  test('behavior: one that is restarted while the removal is written down is removed all the same', async () => {
    const slow: KeyValueStore = {
      ...values,
      async batch(...changes) {
        await runtime.newest().crash();
        while (pool.list()[0]?.id !== 'instance-2') await clock.advance(2_000);
        await values.batch(...changes);
      },
    };
    await controlOf('docker', slow).remove('instance-1');
    expect([await orders(), pool.list()]).toMatchObject([[{ avs: AVS }], []]);
    expect(runtime.instances.map(({ isRunning }) => isRunning)).toEqual([false, false]);
  });

  test('error: one whose removal cannot be written down stays', async () => {
    const full = new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' });
    const failing = { ...values, batch: () => Promise.reject(full) };
    await expect(controlOf('docker', failing).remove('instance-1')).rejects.toBe(full);
    expect(pool.list()).toMatchObject([{ id: 'instance-1', status: 'InService' }]);
  });

  test('error: one that is not there', async () => {
    await expect(controlOf().remove('nobody')).rejects.toMatchObject({ code: 'PERFORMER_MISSING' });
  });
});
