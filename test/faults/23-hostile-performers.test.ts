/** Performers that do harm, on a real engine: each is contained and reported, and its neighbour does not notice. */
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { startPerformerPool } from '../../src/performer/performer-pool.js';
import type { PerformerResources } from '../../src/performer/runtime.js';
import { type DockerEngine, dockerEngine } from '../support/docker-engine.js';
import {
  type DockerStage,
  dockerStage,
  hurriedClock,
  programSpec,
  RESOURCES,
  runTask,
} from '../support/docker-stage.js';
import { AVS, TASK_ID } from '../support/performer-contract.js';
import { untilTrue } from '../support/until.js';

const engine = await dockerEngine();
afterAll(() => engine.close());

const never = new AbortController().signal;
const NEIGHBOUR = parseAddress(`0x${'a6'.repeat(20)}`);
const MEGABYTE = 1024 * 1024;

if (engine.available) {
  const found = engine;
  describe('23: a performer that does harm', () => withEngine(found));
} else describe.skip('23: a performer that does harm', () => test('skipped', () => undefined));

function withEngine(found: DockerEngine): void {
  const { docker } = found;
  let stage: DockerStage;
  beforeAll(async () => {
    stage = await dockerStage(found);
  }, 120_000);
  afterEach(async () => {
    expect(await stage.endTest()).toEqual([]);
  });

  /**
   * One that does harm, and one beside it that is asked all the time.
   * @param clock hurried only where restarts are waited for: with checks at once after each other a machine that stands
   *   still for some seconds looks like performers that hang
   */
  async function besideNeighbour(
    env: Record<string, string>,
    limits: Partial<PerformerResources> = {},
    clock = systemClock,
  ) {
    const runtime = await stage.open();
    const ends: string[] = [];
    const pool = await startPerformerPool(
      {
        performers: [
          { spec: programSpec(env, { resources: { ...RESOURCES, ...limits } }), isEssential: false },
          { spec: programSpec({}, { avs: NEIGHBOUR }), isEssential: true },
        ],
        runtime,
        maxOutputBytes: 1_000,
        drainMs: 0,
        listener: (event) => {
          if (event.type === 'ended') ends.push(event.reason);
        },
        clock,
        logger: silentLogger,
      },
      never,
    );
    let failures = 0;
    let answers = 0;
    let isOver = false;
    const ask = async (avs: typeof AVS, payload: string, signal = never) =>
      Buffer.from(
        await pool.execute({ avs, taskId: TASK_ID, payload: Buffer.from(payload) }, signal),
      ).toString('utf8');
    const asking = (async () => {
      while (!isOver) {
        await ask(NEIGHBOUR, 'echo fine').then(
          () => (answers += 1),
          () => (failures += 1),
        );
        // All the time, and yet not at the cost of what is tried beside it.
        await systemClock.sleep(10);
      }
    })();
    const of = (avs: typeof AVS) => pool.list().find((state) => state.avs === avs);
    const neighbour = of(NEIGHBOUR)?.id;
    stage.atEnd(async () => {
      isOver = true;
      await asking;
      const after = of(NEIGHBOUR)?.id;
      await pool.close(0);
      expect({ failures, isSame: after === neighbour }).toEqual({ failures: 0, isSame: true });
      expect(answers).toBeGreaterThan(0);
    });
    return {
      ends,
      run: (payload: string, signal?: AbortSignal) => ask(AVS, payload, signal),
      state: () => of(AVS),
    };
  }

  test('23: a fork bomb comes to the limit of its processes, and goes on serving', async () => {
    const { run, ends, state } = await besideNeighbour({}, { pids: 40 });
    const container = docker.getContainer(String(state()?.id));
    // The image has nothing but node, whose many threads would end it at the limit.
    const sleeper = execFileSync('tar', ['-chf', '-', '-C', '/usr/bin', 'sleep']);
    await container.putArchive(sleeper, { path: '/' });
    const [made, error] = (await run('fork-bomb /sleep')).split(' ');
    expect(error).toBe('EAGAIN');
    expect(Number(made)).toBeLessThan(40);
    const { pids_stats: pids } = await container.stats({ stream: false });
    expect(pids?.current).toBeGreaterThan(20);
    expect(pids?.current).toBeLessThanOrEqual(40);
    expect(await run('echo still here')).toBe('still here');
    expect(ends).toEqual([]);
  });

  test('23: one that eats memory is ended by the kernel, told so, and started anew', async () => {
    const { run, ends, state } = await besideNeighbour({}, { memoryBytes: 128 * MEGABYTE });
    const before = state()?.id;
    await expect(run('eat 400')).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
    await untilTrue(() => state()?.status === 'InService' && state()?.id !== before);
    expect(ends.slice(0, 1)).toEqual(['ran out of memory']);
    expect(await run('echo back')).toBe('back');
  });

  test('23: one that fills its disk fills 64 MiB of memory of its own, with a read-only root', async () => {
    const { run, ends } = await besideNeighbour({}, { readOnlyRootfs: true });
    expect(await run('fill /')).toBe('0 EROFS');
    const [bytes, error] = (await run('fill /tmp')).split(' ');
    expect(error).toBe('ENOSPC');
    expect(Number(bytes)).toBeLessThanOrEqual(64 * MEGABYTE);
    // The same goes for shared memory, where anybody may write.
    expect((await run('fill /dev/shm')).split(' ')[1]).toBe('ENOSPC');
    expect(await run('echo still here')).toBe('still here');
    expect(ends).toEqual([]);
  });

  test('23: one that prints without end fills two files of ten megabytes', async () => {
    const { run, state } = await besideNeighbour({});
    await run('print 24');
    const container = docker.getContainer(String(state()?.id));
    const { HostConfig } = await container.inspect();
    expect(HostConfig.LogConfig).toMatchObject({
      Type: 'json-file',
      Config: { 'max-size': '10m', 'max-file': '2' },
    });
    const kept = await container.logs({ stdout: true, stderr: true });
    expect(kept.length).toBeLessThan(21e6);
    expect(await run('echo still here')).toBe('still here');
  });

  test('23: one that hangs fails its checks three times and is started anew', async () => {
    const { run, ends, state } = await besideNeighbour({}, {}, hurriedClock);
    const before = state()?.id;
    const patience = new AbortController();
    const task = run('freeze', patience.signal).catch((error: unknown) => error);
    await untilTrue(() => ends.length > 0);
    patience.abort();
    expect(ends).toEqual(['unhealthy 3 times in a row: it has not said in time that it serves']);
    expect(await task).toMatchObject({ code: 'ABORTED' });
    await untilTrue(() => state()?.status === 'InService' && state()?.id !== before);
    expect(await run('echo back')).toBe('back');
  });

  test('23: one that answers garbage fails its tasks, and nothing else', async () => {
    const { run, ends, state } = await besideNeighbour({ ANSWERS: 'garbage' });
    await expect(run('echo x')).rejects.toMatchObject({ code: 'PERFORMER_FAILED' });
    expect(state()?.status).toBe('InService');
    expect(ends).toEqual([]);
  });

  test('23: one that dies while it is deployed is tried six times, and given up with its last words', async () => {
    const { run, ends, state } = await besideNeighbour({ AT_START: 'exit' }, {}, hurriedClock);
    await expect(run('echo x')).rejects.toMatchObject({ code: 'PERFORMER_UNAVAILABLE' });
    await untilTrue(() => ends.length >= 6);
    expect(state()).toMatchObject({
      status: 'OutOfService',
      reason: expect.stringContaining('exited with code 4'),
    });
    expect(state()?.reason).toContain('cannot start: no licence');
  });

  test('23: its port is on no public interface', async () => {
    const { state } = await besideNeighbour({});
    const { NetworkSettings } = await docker.getContainer(String(state()?.id)).inspect();
    const published = Object.values(NetworkSettings.Ports).flat();
    expect(published.map((port) => port?.HostIp)).toEqual(['127.0.0.1']);
  });

  test('24: values of variables are in no label, and not in what `docker ps` shows', async () => {
    const runtime = await stage.open();
    const instance = await runtime.deploy(programSpec({ API_KEY: 'sesame-4711' }), never);
    const listed = await docker.listContainers({ all: true });
    expect(JSON.stringify(listed)).not.toContain('sesame-4711');
    const { Config } = await docker.getContainer(instance.id).inspect();
    expect(JSON.stringify(Config.Labels)).not.toContain('sesame-4711');
    const client = await stage.connect(instance.endpoint);
    expect(await runTask(client, 'env API_KEY')).toBe('sesame-4711');
  });
}
