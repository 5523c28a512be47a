import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Clock, systemClock } from '../../src/base/clock.js';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import { createPerformerClient } from '../../src/performer/client.js';
import type { PerformerEvent, PerformerListener } from '../../src/performer/performer-events.js';
import { type PerformerPool, startPerformerPool } from '../../src/performer/performer-pool.js';
import { createProcessRuntime } from '../../src/performer/process-runtime.js';
import type { PerformerSpec } from '../../src/performer/runtime.js';
import { deferred } from '../support/deferred.js';
import { type Bundle, bundle } from '../support/performer-bundle.js';
import { AVS, describePerformerRuntime, secretEnv, TASK_ID } from '../support/performer-contract.js';
import { until } from '../support/until.js';

let program: Bundle;
let example: Bundle;
beforeAll(async () => {
  program = await bundle('test/support/performer-program.ts');
  example = await bundle('examples/performer/src/main.ts');
});
afterAll(() => {
  program.remove();
  example.remove();
});

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const never = new AbortController().signal;
const resources = { memoryBytes: 1e9, cpus: 1, pids: 100, readOnlyRootfs: false };
const openRuntime = (clock: Clock = systemClock) =>
  createProcessRuntime({ logger: silentLogger, clock, processEnv: process.env });

function spec(env: Readonly<Record<string, string>> = {}, command?: readonly string[]): PerformerSpec {
  return {
    avs: AVS,
    command: command ?? [process.execPath, program.path],
    env: secretEnv(env),
    resources,
  };
}

describePerformerRuntime('process', () => ({
  open: async () => openRuntime(),
  spec,
  outlivesNode: false,
}));

/** Real time, twenty times as fast: for pauses of the restart policy. */
const hastyClock: Clock = {
  nowMs: () => systemClock.nowMs(),
  monotonicMs: () => systemClock.monotonicMs(),
  sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
};

async function startPool(
  specs: readonly PerformerSpec[],
  logger = silentLogger,
  listener: PerformerListener = () => undefined,
): Promise<PerformerPool> {
  const clock = hastyClock;
  const pool = await startPerformerPool(
    {
      performers: specs.map((each) => ({ spec: each, isEssential: true })),
      runtime: openRuntime(clock),
      maxOutputBytes: 100_000,
      drainMs: 60_000,
      listener,
      clock,
      logger,
    },
    never,
  );
  closers.push(() => pool.close(0));
  return pool;
}

const inService = (pool: PerformerPool) => pool.list().some(({ status }) => status === 'InService');

async function run(pool: PerformerPool, payload: string): Promise<string> {
  const task = { avs: AVS, taskId: TASK_ID, payload: Buffer.from(payload) };
  return Buffer.from(await pool.execute(task, never)).toString('utf8');
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

function untilGone(pid: number): Promise<void> {
  return until(`process ${pid} is gone`, () => !isAlive(pid));
}

describe('a child process', () => {
  test('default: listens on loopback, on a port of its own', async () => {
    const runtime = openRuntime();
    closers.push(() => runtime.close());
    const instance = await runtime.deploy(spec(), never);
    expect(instance.endpoint).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(instance.id).toMatch(/^process-\d+$/);
  });

  test('behavior: its own children are killed with it, however it ends', async () => {
    for (const end of ['stop', 'crash'] as const) {
      const pool = await startPool([spec()]);
      const child = Number(await run(pool, 'fork'));
      expect(isAlive(child)).toBe(true);
      if (end === 'stop') await pool.close(5_000);
      else await run(pool, 'crash 1').catch(() => undefined);
      await untilGone(child);
    }
  });

  test('behavior: it does not outlive a parent that is killed', async () => {
    const host = await bundle('test/support/performer-host.ts');
    closers.push(host.remove);
    const parent = spawn(process.execPath, [host.path, process.execPath, program.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(/process-(\d+)/.exec(String(line))?.[1]);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await untilGone(pid);
  });

  test('error: a program that does not exist says so', async () => {
    const runtime = openRuntime();
    closers.push(() => runtime.close());
    const instance = await runtime.deploy(spec({}, ['/no/such/program']), never);
    const { reason, lastLines } = await instance.exited;
    expect(reason).toBe('exited with code 127 (program not found)');
    expect(lastLines.join()).toContain('/no/such/program');
  });

  test('error: a spec without a command', async () => {
    await expect(openRuntime().deploy(spec({}, []), never)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'a performer in deployment mode process needs a command',
    });
  });
});

describe('the pool', () => {
  test('default: has every performer in service when it is started', async () => {
    const pool = await startPool([spec()]);
    expect(inService(pool)).toBe(true);
    expect(await run(pool, 'echo 7')).toBe('7');
    expect(pool.list()).toEqual([
      expect.objectContaining({
        avs: AVS,
        status: 'InService',
        reason: undefined,
        id: expect.stringMatching(/^process-\d+$/),
        deploymentId: expect.stringMatching(/^[0-9a-f]{16}$/),
        endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        isResourceHealthy: true,
        isApplicationHealthy: true,
      }),
    ]);
    await pool.close(5_000);
    expect(inService(pool)).toBe(false);
  });

  test('behavior: a task whose performer crashes is run once more on the restarted one', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ponos-test-'));
    closers.push(() => rmSync(dir, { recursive: true, force: true }));
    const pool = await startPool([spec()]);
    expect(await run(pool, `crash-once ${path.join(dir, 'marker')}`)).toBe('recovered');
    expect(inService(pool)).toBe(true);
  });

  test('behavior: a task that always crashes it fails, and the performer comes back', async () => {
    const pool = await startPool([spec()]);
    await expect(run(pool, 'crash 5')).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
    await until('a performer is in service', () => inService(pool));
    expect(await run(pool, 'echo back')).toBe('back');
  });

  test('behavior: one that is unhealthy three times in a row is restarted', async () => {
    const pool = await startPool([spec()]);
    const before = pool.list()[0]?.id;
    await run(pool, 'sicken');
    await until('another one is in service', () => pool.list()[0]?.id !== before && inService(pool));
    expect(await run(pool, 'echo well')).toBe('well');
  });

  test('behavior: one that never starts is given up after five restarts, with its last words', async () => {
    const givenUp = deferred();
    const restarts: unknown[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: (_message, fields) => restarts.push(fields?.delayMs),
      error: () => givenUp.resolve(),
      child: () => logger,
    };
    const pool = await startPool([spec({ AT_START: 'exit' })], logger);
    expect(inService(pool)).toBe(false);
    await givenUp.promise;
    expect(restarts).toEqual([2_000, 4_000, 8_000, 16_000, 30_000]);
    await expect(run(pool, 'echo x')).rejects.toMatchObject({
      code: 'PERFORMER_UNAVAILABLE',
      message: expect.stringContaining('not in service'),
    });
    expect(pool.list()[0]?.reason).toContain('cannot start: no licence');
  });

  test('behavior: closing ends a task that hangs', async () => {
    const pool = await startPool([spec()]);
    const hanging = expect(run(pool, 'hang')).rejects.toMatchObject({ kind: expect.any(String) });
    await pool.close(0);
    await hanging;
  });

  test('error: an AVS without a performer', async () => {
    const pool = await startPool([]);
    await expect(run(pool, 'echo x')).rejects.toMatchObject({ code: 'PERFORMER_MISSING' });
  });

  test('error: a wrong spec stops the start, and the others with it', async () => {
    const start = startPool([{ ...spec({}, []), avs: AVS }]);
    await expect(start).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('error: the start can be given up', async () => {
    const givenUp = new AbortController();
    const start = startPerformerPool(
      {
        performers: [{ spec: spec({ AT_START: 'exit' }), isEssential: true }],
        runtime: openRuntime(),
        maxOutputBytes: 1,
        drainMs: 0,
        listener: () => undefined,
        clock: systemClock,
        logger: silentLogger,
      },
      givenUp.signal,
    );
    givenUp.abort();
    await expect(start).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('what the pool tells of its performers', () => {
  const types = (events: readonly PerformerEvent[]) => events.map(({ type }) => type);

  async function startListening(specs: readonly PerformerSpec[]) {
    const events: PerformerEvent[] = [];
    const pool = await startPool(specs, silentLogger, (event) => void events.push(event));
    return { events, pool };
  }

  test('default: from its deployment until it is stopped', async () => {
    const { events, pool } = await startListening([spec()]);
    expect(types(events)).toEqual(['asked', 'started', 'promoted']);
    const [performer] = pool.list();
    expect(events[1]).toMatchObject({
      deployment: { avs: AVS, command: [process.execPath, program.path] },
      instance: { id: performer?.id, endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    });
    await pool.close(5_000);
    expect(types(events).filter((type) => type !== 'checked')).toEqual([
      'asked',
      'started',
      'promoted',
      'ended',
    ]);
    expect(events.at(-1)).toMatchObject({ outcome: 'removed', reason: 'the node stopped' });
    expect(new Set(events.map(({ deployment }) => deployment.id)).size).toBe(1);
  });

  test('behavior: one that crashes has failed, with its last words; the next one is another deployment', async () => {
    const { events, pool } = await startListening([spec()]);
    await run(pool, 'crash 7').catch(() => undefined);
    await until(
      'the second one is promoted',
      () => types(events).filter((type) => type === 'promoted').length > 1,
    );
    const end = events.find(({ type }) => type === 'ended');
    expect(end).toMatchObject({ outcome: 'failed', reason: 'exited with code 7' });
    expect(end).toMatchObject({ lastLines: expect.arrayContaining(['leaving with 7']) });
    expect(end?.deployment.id).toBe(events[0]?.deployment.id);
    expect(events.filter(({ type }) => type === 'asked').length).toBeGreaterThan(1);
  });

  test('behavior: three failed checks are told before it is replaced', async () => {
    const { events, pool } = await startListening([spec()]);
    await run(pool, 'sicken');
    await until('one has ended', () => types(events).includes('ended'));
    const firstId = events[0]?.deployment.id;
    const checks = events.filter(({ type, deployment }) => type === 'checked' && deployment.id === firstId);
    expect(checks.slice(-3)).toEqual(Array(3).fill(expect.objectContaining({ isHealthy: false })));
    expect(events.find(({ type }) => type === 'ended')).toMatchObject({
      outcome: 'failed',
      reason: 'unhealthy 3 times in a row: it has not said in time that it serves',
    });
  });

  test('behavior: no value of a variable is told, wherever it occurs', async () => {
    const secret = 'sesame-4711';
    const command = ['/bin/sh', '-c', 'echo "key is $API_KEY" >&2; exit 3', `--key=${secret}`];
    const { events, pool } = await startListening([spec({ API_KEY: secret }, command)]);
    await pool.close(0);
    const end = events.find(({ type }) => type === 'ended');
    expect(end).toMatchObject({
      deployment: { command: expect.arrayContaining(['--key=[redacted]']) },
      lastLines: ['key is [redacted]'],
      reason: expect.stringContaining('exited with code 3'),
    });
    expect(JSON.stringify(events)).not.toContain(secret);
  });
});

describe('the example performer', () => {
  test('default: squares a number', async () => {
    const pool = await startPool([spec({}, [process.execPath, example.path])]);
    expect(await run(pool, '0x07')).toBe('0x31');
    expect(await run(pool, 'ff')).toBe('0xfe01');
    expect(await run(pool, '0x0')).toBe('0x00');
    await expect(run(pool, 'seven')).rejects.toMatchObject({
      code: 'PERFORMER_FAILED',
      message: expect.stringContaining('a number in hex'),
    });
  });

  test('behavior: ends in order on request', async () => {
    const runtime = openRuntime();
    closers.push(() => runtime.close());
    const instance = await runtime.deploy(spec({}, [process.execPath, example.path]), never);
    const client = createPerformerClient({
      endpoint: instance.endpoint,
      maxOutputBytes: 1000,
      clock: systemClock,
    });
    closers.push(() => client.close());
    await client.waitUntilServing(20_000, never);
    await instance.stop(10_000);
    expect((await instance.exited).reason).toBe('exited with code 0');
  });
});
