/** An aggregator in a process of its own, as operators run it, on a chain under load; and what it costs there. */
import fs from 'node:fs';
import path from 'node:path';
import type { TaskId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { freePorts } from '../../src/base/free-ports.js';
import { type NodeProcess, startNode } from '../../src/operations/demo/node-process.js';
import { type LoadOptions, type LoadTask, type LoadWorld, startLoadWorld } from '../support/load-world.js';

export interface Load {
  readonly world: LoadWorld;
  readonly aggregator: NodeProcess;
  /** Sends tasks for each of the next blocks, and resolves when all are verified. */
  rounds(blocks: readonly (readonly LoadTask[])[]): Promise<LoadedTask[]>;
}

export interface LoadedTask {
  readonly taskId: TaskId;
  readonly avs: string;
  readonly createdBlock: number;
  readonly verifiedBlock: number;
}

export interface LoadSettings extends LoadOptions {
  /** The chain mines by itself at this interval; without it on request. */
  readonly blockTimeSeconds?: number;
  /** Fields of the aggregator's configuration. */
  readonly config?: (world: LoadWorld) => Promise<Readonly<Record<string, unknown>>>;
}

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 40_000;
const STALLED_MS = 120_000;

export async function withLoad<T>(settings: LoadSettings, work: (load: Load) => Promise<T>): Promise<T> {
  const world = await startLoadWorld(settings);
  try {
    if (settings.blockTimeSeconds !== undefined) {
      await world.anvil.rpc('evm_setIntervalMining', settings.blockTimeSeconds);
    }
    const [managementServerGrpcPort] = await freePorts(1);
    const config = world.configure({ managementServerGrpcPort, ...(await settings.config?.(world)) });
    const aggregator = startNode({
      name: 'aggregator',
      argv: [...profiling(), path.resolve('dist/ponos.cjs'), 'aggregator', 'start', '--config', config],
      logFile: path.join(world.folder, 'aggregator.log'),
      clock: systemClock,
      env: { ...process.env, PONOS_RUNTIME_DIR: path.join(world.folder, 'run') },
    });
    try {
      await aggregator.waitForLog('aggregator is watching', START_LIMIT_MS);
      return await work({ world, aggregator, rounds: (blocks) => rounds(world, aggregator, blocks) });
    } finally {
      await aggregator.stop(STOP_LIMIT_MS);
    }
  } finally {
    await world.close();
  }
}

/** `BENCH_CPU_PROFILE=folder` writes a profile of each aggregator, to be opened in a browser's developer tools. */
function profiling(): string[] {
  const folder = process.env.BENCH_CPU_PROFILE;
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

async function rounds(
  world: LoadWorld,
  aggregator: NodeProcess,
  blocks: readonly (readonly LoadTask[])[],
): Promise<LoadedTask[]> {
  const { client } = world;
  const first = (await client.head()).number + 1;
  for (const tasks of blocks) {
    const { number } = await client.head();
    await world.send(tasks);
    while ((await client.head()).number === number) await systemClock.sleep(20);
  }
  const expected = blocks.reduce((sum, tasks) => sum + tasks.length, 0);
  const lastNews = { count: 0, atMs: Date.now() };
  for (;;) {
    const verified = await world.verified(first);
    const created = await world.created(first);
    if (verified.size !== lastNews.count) Object.assign(lastNews, { count: verified.size, atMs: Date.now() });
    const isStalled = Date.now() - lastNews.atMs > STALLED_MS;
    if ((created.length === expected && verified.size >= expected) || isStalled) {
      return created.map(({ taskId, operatorSet, log }) => ({
        taskId,
        avs: operatorSet.avs,
        createdBlock: log.blockNumber,
        verifiedBlock: verified.get(taskId) ?? Number.NaN,
      }));
    }
    await Promise.race([systemClock.sleep(500), aggregator.broken]);
  }
}

/** So many tasks of one AVS. Executors of the bench answer with the payload, so that each has a result of its own. */
export function tasksOf(world: LoadWorld, count: number, avs = 0, payloadBytes = 32): LoadTask[] {
  const address = world.avss[avs];
  if (address === undefined) throw new Error(`the world has no AVS ${avs}`);
  return Array.from({ length: count }, (_, index) => ({
    avs: address,
    payload: Buffer.alloc(payloadBytes, `task ${index} `),
  }));
}

/** What Linux tells of a process. */
export interface ProcessFigures {
  /** Of all its threads, since its start. */
  readonly cpuMs: number;
  readonly residentMegabytes: number;
  readonly descriptors: number;
  /** Those of its descriptors that are sockets. */
  readonly sockets: number;
}

/** Linux counts processor time in hundredths of a second. */
const TICK_MS = 10;

export function processFigures(pid: number): ProcessFigures {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  // The name, in parentheses, may contain blanks.
  const [user = 0, system = 0] = fs
    .readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 13)
    .map(Number);
  const descriptors = fs.readdirSync(`/proc/${pid}/fd`).map((name) => targetOf(`/proc/${pid}/fd/${name}`));
  return {
    cpuMs: (user + system) * TICK_MS,
    residentMegabytes: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024,
    descriptors: descriptors.length,
    sockets: descriptors.filter((target) => target.startsWith('socket:')).length,
  };
}

/** Empty for a descriptor that was closed since it was listed. */
function targetOf(link: string): string {
  try {
    return fs.readlinkSync(link);
  } catch {
    return '';
  }
}
