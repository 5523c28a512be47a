/** What is said about performers at run time outlives the node; what must not be written down does not. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { chainId, parseAddress, parseTaskId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { CloseStack } from '../../src/base/close-stack.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import type { PerformerConfig } from '../../src/config/types.js';
import { openPerformers } from '../../src/executor/open-performers.js';
import { createPerformerStore } from '../../src/store/executor-performers.js';
import type { KeyValueStore } from '../../src/store/key-value-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { type Bundle, bundle } from '../support/performer-bundle.js';

const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
const TASK_ID = parseTaskId(`0x${'1f'.repeat(32)}`);
const never = new AbortController().signal;
/** Keys are printable ASCII. */
const EVERYTHING = { gte: '', lt: '\x7f' };
const noProgress = () => undefined;

let program: Bundle;
beforeAll(async () => {
  program = await bundle('test/support/performer-program.ts');
});
afterAll(() => program.remove());

let values: KeyValueStore;
const stacks: CloseStack[] = [];
beforeEach(() => {
  values = createMemoryStore();
});
afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.close();
});

const entry = (changes: Partial<PerformerConfig> = {}): PerformerConfig => ({
  avsAddress: AVS,
  processType: 'server',
  deploymentMode: 'process',
  command: [process.execPath, program.path],
  envs: [{ name: 'COLOUR', value: new Secret('blue') }],
  resources: { memory: 1e9, cpus: 1, pids: 64, readOnlyRootfs: false },
  ...changes,
});

/** A run of the node, with this configuration and environment. */
async function start(avsPerformers: readonly PerformerConfig[], env: Readonly<Record<string, string>> = {}) {
  const stack = new CloseStack(silentLogger);
  stacks.push(stack);
  const config = {
    avsPerformers,
    operator: { address: AVS },
    l1Chain: { chainId: chainId(31_337) },
    performerNetworkName: '',
    limits: { maxOutputBytes: 1_000, drainSeconds: 5 },
  };
  const { pool, control } = await openPerformers(
    {
      store: values,
      config,
      env: { ...process.env, ...env },
      clock: systemClock,
      logger: silentLogger,
      stack,
    },
    never,
  );
  return {
    control,
    stop: () => stack.close(),
    variable: async (name: string) => {
      const task = { avs: AVS, taskId: TASK_ID, payload: Buffer.from(`env ${name}`) };
      return Buffer.from(await pool.execute(task, never)).toString();
    },
  };
}

/** Everything that is stored. */
async function stored(): Promise<string> {
  let text = '';
  for await (const { key, value } of values.scan(EVERYTHING))
    text += `${key} ${Buffer.from(value).toString('latin1')}\n`;
  return text;
}

describe('after a restart', () => {
  test('default: a deployment by a call holds over the configuration, with the values of today', async () => {
    const first = await start([entry()], { OUR_COLOUR: 'green' });
    expect(await first.variable('COLOUR')).toBe('blue');
    const envs = [{ name: 'COLOUR', valueFromEnv: 'OUR_COLOUR' }];
    await first.control.deploy({ avs: AVS, envs }, noProgress, never);
    expect(await first.variable('COLOUR')).toBe('green');
    await first.stop();
    expect(await stored()).not.toMatch(/green|blue/);

    const second = await start([entry()], { OUR_COLOUR: 'red' });
    expect(await second.variable('COLOUR')).toBe('red');
    await second.stop();
    const deployments = await createPerformerStore(values).deployments();
    expect(deployments.map(({ number, outcome, reason }) => [number, outcome, reason])).toEqual([
      [1, 'removed', 'replaced by another deployment'],
      [2, 'removed', 'the node stopped'],
      [3, 'removed', 'the node stopped'],
    ]);
  });

  test('behavior: values that came with a call are not kept: the node starts, and says what is missing', async () => {
    const secret = 'sesame-4711';
    const first = await start([entry()]);
    await first.control.deploy(
      { avs: AVS, envs: [{ name: 'KEY', value: new Secret(secret) }] },
      noProgress,
      never,
    );
    expect(await first.variable('KEY')).toBe(secret);
    await first.stop();
    expect(await stored()).not.toContain(secret);

    const second = await start([entry()]);
    expect(second.control.list()).toMatchObject([
      { status: 'OutOfService', reason: expect.stringContaining('the values of KEY came with a call') },
    ]);
    await expect(second.variable('KEY')).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
    await second.control.deploy(
      { avs: AVS, envs: [{ name: 'KEY', value: new Secret('again') }] },
      noProgress,
      never,
    );
    expect(await second.variable('KEY')).toBe('again');
  });

  test('behavior: an entry of the configuration that was changed since holds over the call', async () => {
    const first = await start([entry()]);
    await first.control.deploy({ avs: AVS, envs: [] }, noProgress, never);
    await first.stop();
    const changed = entry({ envs: [{ name: 'SHAPE', value: new Secret('round') }] });
    const second = await start([changed]);
    expect(await second.variable('SHAPE')).toBe('round');
    expect(await second.variable('COLOUR')).toBe('(unset)');
    await second.stop();
    expect(await stored()).not.toContain('performer-order');
  });

  test('behavior: what was removed stays removed until its entry is changed', async () => {
    const first = await start([entry()]);
    const [performer] = first.control.list();
    await first.control.remove(performer?.id ?? '');
    await first.stop();
    const second = await start([entry()]);
    expect(second.control.list()).toEqual([]);
    await expect(second.variable('COLOUR')).rejects.toMatchObject({ code: 'PERFORMER_MISSING' });
    await second.stop();
    const third = await start([entry({ envs: [] })]);
    expect(await third.variable('COLOUR')).toBe('(unset)');
  });

  test('behavior: one that was killed is found as it was, however often it is killed before it starts', async () => {
    const first = await start([entry()]);
    expect(await first.variable('COLOUR')).toBe('blue');
    // The node is gone without a word: its store is as it is now.
    const left = createMemoryStore();
    const copy = [];
    for await (const { key, value } of values.scan(EVERYTHING))
      copy.push({ type: 'put' as const, key, value });
    await left.batch(copy);
    await first.stop();
    values = left;
    await expect(start([entry({ command: [] })])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const unfinished = async () => (await createPerformerStore(values).earlierRun()).unfinished;
    expect(await unfinished()).toMatchObject([
      { deployment: { number: 1 }, performer: { status: 'InService' } },
    ]);
    const next = await start([entry()]);
    expect(await next.variable('COLOUR')).toBe('blue');
    await next.stop();
    expect(await unfinished()).toEqual([]);
    expect((await createPerformerStore(values).deployments())[0]).toMatchObject({ outcome: 'interrupted' });
  });
});
