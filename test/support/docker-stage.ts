/** What tests of performers in containers share: an engine with the image of performer-program.ts, and runtimes on it. */

import { parseAddress } from '../../src/base/brands.js';
import { type Clock, systemClock } from '../../src/base/clock.js';
import { type LogFields, type Logger, type LogLevel, silentLogger } from '../../src/base/logger.js';
import { buildPerformerImage } from '../../src/devnet/performer-image.js';
import { createPerformerClient, type PerformerClient } from '../../src/performer/client.js';
import { ownedBy } from '../../src/performer/docker-container.js';
import { type DockerRuntimeOptions, openDockerRuntime } from '../../src/performer/docker-runtime.js';
import { type PerformerPool, startPerformerPool } from '../../src/performer/performer-pool.js';
import type { PerformerResources, PerformerRuntime, PerformerSpec } from '../../src/performer/runtime.js';
import type { DockerEngine } from './docker-engine.js';
import { type EngineProxy, startEngineProxy } from './engine-proxy.js';
import { bundle } from './performer-bundle.js';
import { AVS, secretEnv, TASK_ID } from './performer-contract.js';

export const OWNER = { operator: parseAddress(`0x${'0b'.repeat(20)}`), l1ChainId: 31337 };
export const PROGRAM = { repository: 'ponos-test-program', tag: 'test' };
export const RESOURCES: PerformerResources = {
  memoryBytes: 512e6,
  cpus: 2,
  pids: 100,
  readOnlyRootfs: false,
};
const never = new AbortController().signal;

export interface DockerStage {
  open(changes?: Partial<DockerRuntimeOptions>): Promise<PerformerRuntime>;
  /** A runtime whose way to the engine is in the test's hands. */
  openBehindProxy(
    changes?: Partial<DockerRuntimeOptions>,
  ): Promise<{ readonly proxy: EngineProxy; readonly runtime: PerformerRuntime }>;
  /** Waits until it serves. */
  connect(endpoint: string): Promise<PerformerClient>;
  /** Called at the end of the test, the last one first. */
  atEnd(close: () => Promise<unknown>): void;
  /** Ends what the test has opened. @returns the names of containers that are left */
  endTest(owners?: readonly (typeof OWNER)[]): Promise<readonly string[]>;
}

export async function dockerStage({ docker, options }: DockerEngine): Promise<DockerStage> {
  const program = await bundle('test/support/performer-program.ts');
  try {
    const tag = `${PROGRAM.repository}:${PROGRAM.tag}`;
    await buildPerformerImage({ docker, bundlePath: program.path, tag });
  } finally {
    program.remove();
  }
  const closers: (() => Promise<unknown>)[] = [];

  async function open(changes: Partial<DockerRuntimeOptions> = {}): Promise<PerformerRuntime> {
    const runtime = await openDockerRuntime({
      ...OWNER,
      networkName: '',
      processEnv: {},
      clock: systemClock,
      logger: silentLogger,
      engine: options,
      ...changes,
    });
    closers.push(() => runtime.close());
    return runtime;
  }

  return {
    open,
    async openBehindProxy(changes) {
      const proxy = await startEngineProxy(options.socketPath ?? '/var/run/docker.sock');
      closers.push(() => proxy.close());
      return { proxy, runtime: await open({ ...changes, engine: { ...options, socketPath: proxy.path } }) };
    },
    async connect(endpoint) {
      const client = createPerformerClient({ endpoint, maxOutputBytes: 100_000, clock: systemClock });
      closers.push(async () => client.close());
      await client.waitUntilServing(20_000, never);
      return client;
    },
    atEnd: (close) => closers.push(close),
    async endTest(owners = [OWNER]) {
      for (const close of closers.splice(0).reverse()) await close();
      const lists = owners.map((owner) => docker.listContainers({ all: true, filters: ownedBy(owner) }));
      return (await Promise.all(lists)).flat().flatMap(({ Names }) => Names);
    },
  };
}

/** Time in which nobody waits long: pools check, and try again, several times a second. */
export const hurriedClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 200), signal),
};

/** The program of performer-program.ts as it is in its image. */
export function programSpec(
  env: Readonly<Record<string, string>> = {},
  changes: Partial<PerformerSpec> = {},
): PerformerSpec {
  const inContainer = { IN_CONTAINER: 'yes', ...env };
  return {
    avs: AVS,
    image: PROGRAM,
    command: [],
    env: secretEnv(inContainer),
    resources: RESOURCES,
    ...changes,
  };
}

export async function runTask(client: PerformerClient, payload: string): Promise<string> {
  return Buffer.from(await client.execute(TASK_ID, Buffer.from(payload), never)).toString('utf8');
}

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that keeps what it is told. */
export function keepLog(lines: LogLine[], bound: LogFields = {}): Logger {
  const take =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields: { ...bound, ...fields } });
  return {
    debug: take('debug'),
    info: take('info'),
    warn: take('warn'),
    error: take('error'),
    child: (fields) => keepLog(lines, { ...bound, ...fields }),
  };
}

/** A pool of one such program that tries again several times a second; the runtime is closed with it. */
export function startPool(runtime: PerformerRuntime, logger = silentLogger): Promise<PerformerPool> {
  return startPerformerPool(
    {
      performers: [{ spec: programSpec(), isEssential: true }],
      runtime,
      maxOutputBytes: 1_000,
      drainMs: 0,
      listener: () => undefined,
      clock: hurriedClock,
      logger,
    },
    never,
  );
}

/** Has a pool's program say hello. */
export async function hello(pool: PerformerPool): Promise<string> {
  const task = { avs: AVS, taskId: TASK_ID, payload: Buffer.from('echo hello') };
  return Buffer.from(await pool.execute(task, never)).toString('utf8');
}

/** The id of the container of a pool's program. */
export const containerOf = (pool: PerformerPool) => pool.list()[0]?.container?.id;
