/** An executor of a test devnet as its users run it: a process of the built executable, with a store of the test's choice. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createChannel, createClient } from 'nice-grpc';
import { parse, stringify } from 'yaml';
import type { Address } from '../../src/base/brands.js';
import { freePorts } from '../../src/base/free-ports.js';
import {
  ExecutorServiceDefinition,
  type TaskResult,
  type TaskSubmission,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import {
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from '../../src/rpc/generated/grpc/health/v1/health.js';
import type { TestDevnet } from './devnet.js';
import { type RunningPonos, startPonos } from './run-ponos.js';

export interface ExecutorNodeOptions {
  readonly devnet: TestDevnet;
  /** For its log of locks, cache and configuration: not where its store is. */
  readonly folder: string;
  /** The directory of its store. */
  readonly dir: string;
  /** User and group id that it runs as, who gets the devnet's folder and `folder` for good; default: ours. */
  readonly user?: number;
  /** Further sections of the configuration. */
  readonly config?: object;
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ExecutorNode {
  readonly operator: Address;
  readonly running: RunningPonos;
  submit(request: TaskSubmission, signal?: AbortSignal): Promise<TaskResult>;
  isServing(): Promise<boolean>;
  /** Lines of its log that contain the text. */
  lines(text: string): string[];
  /** Resolves when it has ended. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number | undefined>;
}

const LIMIT_MS = 240_000;

/** Starts the devnet's first executor; it need not come to serve. */
export async function launchExecutor(options: ExecutorNodeOptions): Promise<ExecutorNode> {
  const { devnet, folder, dir } = options;
  const [seat] = devnet.state.executors;
  if (seat === undefined) throw new Error('the devnet has no executor');
  const [port] = await freePorts(1);
  const config = {
    ...parse(fs.readFileSync(seat.config, 'utf8')),
    grpcPort: port,
    managementServerGrpcPort: port,
    storage: { type: 'level', level: { dir } },
    ...options.config,
  };
  const file = path.join(folder, 'executor.yaml');
  fs.writeFileSync(file, stringify(config), { mode: 0o600 });
  if (options.user !== undefined) {
    const [program] = config.avsPerformers.flatMap(({ command }: { command: string[] }) => command.slice(1));
    const needed = [file, folder, devnet.folder, path.dirname(program)];
    execFileSync('chown', ['-R', `${options.user}:${options.user}`, ...needed]);
  }
  const running = startPonos(['executor', 'start', '--config', file], {
    cwd: folder,
    env: {
      HOME: folder,
      TMPDIR: folder,
      PONOS_RUNTIME_DIR: path.join(folder, 'locks'),
      PONOS_CACHE_DIR: folder,
      ...options.env,
    },
    limitMs: LIMIT_MS,
    user: options.user,
  });
  const channel = createChannel(`127.0.0.1:${port}`, undefined, {
    'grpc.max_receive_message_length': -1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 100,
  });
  const tasks = createClient(ExecutorServiceDefinition, channel);
  const health = createClient(HealthDefinition, channel);
  void running.ended.then(
    () => channel.close(),
    () => channel.close(),
  );
  return {
    operator: seat.address,
    running,
    submit: (request, signal) => tasks.submitTask(request, { signal }),
    isServing: async () => {
      const { status } = await health.check({ service: ExecutorServiceDefinition.fullName });
      return status === HealthCheckResponse_ServingStatus.SERVING;
    },
    lines: (text) =>
      running
        .log()
        .split('\n')
        .filter((line) => line.includes(text)),
    async kill() {
      running.kill('SIGKILL');
      await running.ended;
    },
    async stop() {
      running.kill('SIGTERM');
      return (await running.ended).code;
    },
  };
}

/** As `launchExecutor`, and resolves when it serves. */
export async function startExecutorNode(options: ExecutorNodeOptions): Promise<ExecutorNode> {
  const node = await launchExecutor(options);
  await node.running.logged('executor is serving');
  return node;
}

/** Whether the store of a node that runs has kept something: LevelDB writes what is new into a log, as it is. */
export function isStored(dir: string, text: RegExp): boolean {
  return fs
    .readdirSync(dir)
    .filter((name) => name.endsWith('.log'))
    .some((name) => text.test(fs.readFileSync(path.join(dir, name), 'latin1')));
}
