/**
 * A devnet that the built executable has made, and its nodes, each run in a folder of its own: its configuration is
 * changed before the start, and what the node has left behind is told afterwards.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { type PonosResult, type RunningPonos, type RunOptions, runPonos, startPonos } from './run-ponos.js';
import { temporaryFolder } from './temporary-folder.js';
import { killProcessesOf, processesOf } from './workplace.js';

export type Role = 'aggregator' | 'executor';

/** What `ponos devnet up` writes, as far as tests change it. */
export interface NodeConfig {
  grpcPort?: number;
  managementServerGrpcPort?: number;
  operator: {
    address: string;
    operatorPrivateKey?: object;
    signingKeys: { bls?: { keystoreFile: string; password: string }; ecdsa?: object };
  };
  l1Chain?: { rpcUrl: string; chainId: number };
  chains: { rpcUrl: string; chainId: number }[];
  avss?: { address: string }[];
  avsPerformers?: {
    avsAddress: string;
    deploymentMode: string;
    command?: string[];
    image?: { repository: string; tag: string };
  }[];
  storage: object;
  kubernetes?: object;
  grpc?: object;
  shutdown?: object;
}

export interface NodeSeat {
  readonly folder: string;
  readonly config: NodeConfig;
  /** Private keys and passwords of the configuration; none of them may be printed. */
  readonly secrets: readonly string[];
  run(env?: RunOptions['env']): Promise<PonosResult>;
  start(env?: RunOptions['env'], options?: Pick<RunOptions, 'limitMs' | 'umask'>): RunningPonos;
  /** Names of lock files. */
  locks(): string[];
  /** Command lines of the processes of this seat that still run. */
  processes(): string[];
  /** Ends what a failed test has left running, too. */
  remove(): Promise<void>;
}

export interface BuiltDevnet {
  readonly folder: string;
  /** A node of the devnet, with memory as its store and its own folder for everything else. */
  seat(node: string, change?: (config: NodeConfig) => void): Promise<NodeSeat>;
  close(): Promise<void>;
}

export async function buildDevnet(executors: number): Promise<BuiltDevnet> {
  const home = await temporaryFolder();
  const folder = path.join(home.path, 'devnet');
  const env = { HOME: home.path, TMPDIR: home.path };
  const ports = ['l1', 'l2', 'executor', 'management'].flatMap((name) => [`--${name}-port`, '0']);
  const up = ['devnet', 'up', '--dir', folder, '--executors', String(executors), ...ports];
  const { code, stderr } = await runPonos(up, { env });
  if (code !== 0) throw new Error(`ponos devnet up ended with code ${code}: ${stderr}`);
  return {
    folder,
    seat: async (node, change = () => undefined) => {
      const config: NodeConfig = parse(fs.readFileSync(path.join(folder, `${node}.yaml`), 'utf8'));
      config.storage = { type: 'memory' };
      change(config);
      return seat(node === 'aggregator' ? 'aggregator' : 'executor', config);
    },
    close: async () => {
      const down = await runPonos(['devnet', 'down', '--dir', folder], { env });
      await home.remove();
      if (down.code !== 0) throw new Error(`ponos devnet down ended with code ${down.code}: ${down.stderr}`);
    },
  };
}

async function seat(role: Role, config: NodeConfig): Promise<NodeSeat> {
  const { path: folder, remove } = await temporaryFolder();
  const file = path.join(folder, 'node.yaml');
  const locks = path.join(folder, 'locks');
  fs.writeFileSync(file, stringify(config), { mode: 0o600 });
  const start: NodeSeat['start'] = (env = {}, options = {}) =>
    startPonos([role, 'start', '--config', file], {
      ...options,
      cwd: folder,
      env: { HOME: folder, TMPDIR: folder, PONOS_RUNTIME_DIR: locks, ...env },
    });
  return {
    folder,
    config,
    secrets: secretsOf(config.operator),
    start,
    run: (env) => start(env).ended,
    locks: () => (fs.existsSync(locks) ? fs.readdirSync(locks) : []),
    processes: () => processesOf(folder).map(({ command }) => command),
    remove: async () => {
      await killProcessesOf(folder);
      await remove();
    },
  };
}

/** Private keys without their 0x, and passwords that are no word of our own messages. */
function secretsOf(operator: NodeConfig['operator']): string[] {
  const text = JSON.stringify(operator);
  return [...text.matchAll(/"privateKey":"0x(\w+)"|"password":"(secret-[^"]+)"/g)].map(
    ([, key, password]) => key ?? password ?? '',
  );
}
