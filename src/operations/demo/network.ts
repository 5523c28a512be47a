/** A whole network on this machine: a devnet, its aggregator and executors as separate processes. */
import path from 'node:path';
import type { Clock } from '../../base/clock.js';
import { takeDown } from '../../devnet/devnet.js';
import { type DevnetOperator, type DevnetState, findDevnet } from '../../devnet/state.js';
import { devnetUp } from '../devnet/up.js';
import { type NodeProcess, startNode } from './node-process.js';

export interface NetworkOptions {
  readonly folder: string;
  /** `dist/ponos.cjs` */
  readonly executable: string;
  readonly executors: number;
  readonly blockTimeSeconds: number;
  /** `image:tag` of the performers; a child process each when absent. */
  readonly docker?: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
}

export interface Network {
  readonly devnet: DevnetState;
  readonly aggregator: NodeProcess;
  readonly executors: readonly NodeProcess[];
  /** Rejects when a node ends without having been stopped. */
  readonly broken: Promise<never>;
  /** Starts a node of the devnet (again), and resolves when it is ready. */
  start(name: string): Promise<NodeProcess>;
  /** Stops every node and both chains; resolves with the nodes' exit codes. */
  stop(): Promise<number[]>;
}

const START_LIMIT_MS = 90_000;
/** The nodes' own grace time is 30 s. */
export const STOP_LIMIT_MS = 40_000;

const READY = { aggregator: 'aggregator is watching', executor: 'executor is serving' };

/** Ports are free ones. On failure everything that was started is stopped again. */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const { folder, clock, signal } = options;
  const nodes: NodeProcess[] = [];
  const stop = async () => {
    const codes = await Promise.all(nodes.map((node) => node.stop(STOP_LIMIT_MS)));
    if (findDevnet(folder) !== undefined) await takeDown(folder, false, clock);
    return codes;
  };
  try {
    const devnet = await devnetUp({
      dir: folder,
      ...{ l1Port: 0, l2Port: 0, executorPort: 0, managementPort: 0 },
      executors: options.executors,
      blockTime: options.blockTimeSeconds,
      docker: options.docker,
      write: untilBlankLine(options.report),
    });
    const launch = async (role: keyof typeof READY, node: DevnetOperator) => {
      const started = startNode({
        name: node.name,
        argv: [options.executable, role, 'start', '--config', node.config],
        logFile: path.join(folder, `${node.name}.log`),
        clock,
        // Every devnet has the same keys: its nodes are not to find those of another one.
        env: { ...process.env, PONOS_RUNTIME_DIR: path.join(folder, 'run') },
      });
      nodes.push(started);
      await Promise.race([started.waitForLog(READY[role], START_LIMIT_MS), rejectOnAbort(signal)]);
      return started;
    };
    const [aggregator, ...executors] = await Promise.all([
      launch('aggregator', devnet.aggregator),
      ...devnet.executors.map((node) => launch('executor', node)),
    ]);
    const start = (name: string) => {
      const executor = devnet.executors.find((node) => node.name === name);
      return executor === undefined ? launch('aggregator', devnet.aggregator) : launch('executor', executor);
    };
    const broken = Promise.race(nodes.map((node) => node.broken));
    broken.catch(() => undefined);
    return { devnet, aggregator, executors, broken, start, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** `devnet up` ends with advice on what to type next, which is done here already. */
function untilBlankLine(report: (line: string) => void): (line: string) => void {
  let open = true;
  return (line) => {
    if (line === '') open = false;
    if (open) report(line);
  };
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
