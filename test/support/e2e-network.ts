/**
 * A whole network for end-to-end tests: a devnet made by the built executable, its nodes as processes of it, and
 * the chains in the test's hands. The chains' contracts are changed from this process.
 */
import fs from 'node:fs';
import path from 'node:path';
import { AbiCoder } from 'ethers';
import { parse, stringify } from 'yaml';
import { type Address, chainId, parseHash32 } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import {
  createTaskMailbox,
  decodeTaskVerified,
  TASK_VERIFIED_TOPIC,
  type TaskCreatedEvent,
} from '../../src/chain/contracts/task-mailbox.js';
import { coreAddresses } from '../../src/config/known-chains.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { type Cast, createCast } from '../../src/devnet/cast.js';
import type { Artifacts } from '../../src/devnet/deploy.js';
import { transportNow } from '../../src/devnet/devnet.js';
import { type DevnetChain, type DevnetState, requireDevnet } from '../../src/devnet/state.js';
import { type NodeProcess, startNode } from '../../src/operations/demo/node-process.js';
import { signersOf } from '../../src/operations/demo/read-certificate.js';
import { openTaskSender } from '../../src/operations/task/submit-task.js';
import { waitForEnd } from '../../src/operations/task/wait.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { type Administration, administer } from './administer.js';
import { loadArtifacts } from './devnet-artifacts.js';
import { builtExecutable } from './run-ponos.js';
import { LONG_MS, until } from './until.js';
import type { Workplace } from './workplace.js';

export const BN254_SET = 1;
export const ECDSA_SET = 2;
export const curveOf = (operatorSetId: number) => (operatorSetId === BN254_SET ? 'bn254' : 'ecdsa');

const NODE_LIMIT_MS = 60_000;

export interface WantedTask {
  readonly chain: 'L1' | 'L2';
  readonly operatorSetId: number;
  /** The example performer's: a number in hex. */
  readonly payload: string;
}

export interface PublishedTask extends WantedTask {
  readonly created: TaskCreatedEvent;
}

export interface EndedTask {
  readonly status: 'verified' | 'expired';
  readonly result: string;
  /** How often the mailbox has said that it is verified. */
  readonly verifications: number;
  /** Block of the verification, and from the task's block to it by chain time. */
  readonly block: number;
  readonly tookSeconds: number;
  readonly certificate: Uint8Array;
  /** The one the certificate is for. */
  readonly certifiedTimestamp: number;
}

export interface E2eNetwork {
  readonly folder: string;
  readonly devnet: DevnetState;
  readonly cast: Cast;
  readonly bn254: Bn254;
  /** Starts nodes by name and resolves when they serve. */
  start(names: readonly string[], options?: { readonly performerDelayMs?: number }): Promise<void>;
  /** SIGTERM; resolves with the exit codes. */
  stop(names: readonly string[]): Promise<number[]>;
  /** SIGKILL; resolves when the process is gone. */
  kill(name: string): Promise<void>;
  /** Every line that the node, in all its runs, has logged about something. */
  lines(name: string, ...texts: readonly string[]): string[];
  /** Resolves with the first line, logged before or later, that contains all the texts. */
  logged(name: string, ...texts: readonly string[]): Promise<string>;
  client(chain: 'L1' | 'L2'): ChainClient;
  create(tasks: readonly WantedTask[]): Promise<PublishedTask[]>;
  end(task: PublishedTask): Promise<EndedTask>;
  /** Names of those of the table whose signatures are in the certificate. */
  signers(task: PublishedTask, ended: EndedTask, table: readonly string[]): string[];
  /** A JSON-RPC request to a chain's anvil. */
  rpc(chain: 'L1' | 'L2', method: string, params: readonly unknown[]): Promise<unknown>;
  /** Sends transactions to the contracts and waits for them. */
  administer(change: (administration: Administration) => Promise<void>): Promise<void>;
  /** Carries the tables to both chains; resolves with their reference timestamp. */
  transport(): Promise<number>;
  /** Stops the nodes that run; resolves with their exit codes. */
  close(): Promise<number[]>;
}

/**
 * Takes up the devnet of a folder. It is still to be taken down after `close`.
 * @param people size of the cast; operators beyond those of the devnet can be registered by the test
 */
export async function openNetwork(workplace: Workplace, folder: string, people: number): Promise<E2eNetwork> {
  await loadArtifacts();
  const artifacts: Artifacts = (await import('#devnet-contracts')).default;
  const devnet = requireDevnet(folder);
  const cast = createCast(people);
  const bn254 = await loadBn254();
  const nodes = new Map<string, NodeProcess>();
  const clients = new Map(devnet.chains.map((chain) => [chain.name, clientOf(chain)]));
  const chainOf = (name: 'L1' | 'L2') => found(devnet.chains.find((chain) => chain.name === name));
  const client = (name: 'L1' | 'L2') => found(clients.get(name));
  const node = (name: string) => found(nodes.get(name));
  const lines = (name: string, texts: readonly string[]) =>
    fs
      .readFileSync(path.join(folder, `${name}.log`), 'utf8')
      .split('\n')
      .filter((line) => texts.every((text) => line.includes(text)));

  const start = async (name: string, performerDelayMs: number) => {
    const isAggregator = name === devnet.aggregator.name;
    const { config } = found([devnet.aggregator, ...devnet.executors].find((one) => one.name === name));
    const role = isAggregator ? 'aggregator' : 'executor';
    const file = isAggregator ? config : withDelay(config, performerDelayMs);
    const process = startNode({
      name,
      argv: [builtExecutable(), role, 'start', '--config', file, '--debug'],
      logFile: path.join(folder, `${name}.log`),
      clock: systemClock,
      env: workplace.env,
    });
    nodes.set(name, process);
    await process.waitForLog(isAggregator ? 'aggregator is watching' : 'executor is serving', NODE_LIMIT_MS);
  };
  const stop = (names: readonly string[]) =>
    Promise.all(
      names.map((name) => {
        const stopping = node(name).stop(NODE_LIMIT_MS);
        nodes.delete(name);
        return stopping;
      }),
    );
  const rpc = async (chain: 'L1' | 'L2', method: string, params: readonly unknown[]) => {
    const response = await fetch(chainOf(chain).url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  };

  return {
    folder,
    devnet,
    cast,
    bn254,
    client,
    rpc,
    stop,
    start: async (names, { performerDelayMs = 0 } = {}) => {
      await Promise.all(names.map((name) => start(name, performerDelayMs)));
    },
    async kill(name) {
      const { pid, exited } = node(name);
      process.kill(pid, 'SIGKILL');
      await exited;
      nodes.delete(name);
    },
    lines: (name, ...texts) => lines(name, texts),
    async logged(name, ...texts) {
      await until(`${name} logs ${texts.join(' … ')}`, () => lines(name, texts).length > 0, LONG_MS);
      return found(lines(name, texts)[0]);
    },
    async create(tasks) {
      const senders = new Map(
        devnet.chains.map(({ name }) => [
          name,
          openTaskSender({
            client: client(name),
            mailbox: devnet.mailbox,
            key: new Secret(cast.user.secret),
            clock: systemClock,
          }),
        ]),
      );
      try {
        return await Promise.all(
          tasks.map(async (task) => {
            const operatorSet = { avs: devnet.avs, id: task.operatorSetId };
            const payload = Buffer.from(task.payload);
            return {
              ...task,
              created: await found(senders.get(task.chain)).create({ operatorSet, payload }),
            };
          }),
        );
      } finally {
        await Promise.all([...senders.values()].map((sender) => sender.close()));
      }
    },
    end: (task) => readEnd(client(task.chain), devnet.mailbox, task),
    signers: (task, { certificate }, table) =>
      signersOf({
        curve: curveOf(task.operatorSetId),
        certificate,
        operators: cast.executors.filter(({ name }) => table.includes(name)),
        ecdsaVerifier: coreAddresses(chainOf(task.chain).chainId, {}).ecdsaCertificateVerifier,
        bn254,
      }).map(({ name }) => name),
    administer: (change) => administer({ devnet, artifacts, cast, bn254, waits: true }, change),
    transport: async () => (await transportNow(folder, artifacts, systemClock)).referenceTimestamp,
    async close() {
      const codes = await stop([...nodes.keys()]);
      await Promise.all([...clients.values()].map((open) => open.close()));
      return codes;
    },
  };
}

/** The executor's config with a performer that takes its time. */
function withDelay(config: string, delayMs: number): string {
  if (delayMs === 0) return config;
  const content = parse(fs.readFileSync(config, 'utf8'));
  for (const performer of content.avsPerformers) {
    performer.envs = [{ name: 'PERFORMER_DELAY_MS', value: String(delayMs) }];
  }
  // Beside the devnet's folder, in which only what is its own is taken down with it.
  const { dir, name } = path.parse(config);
  const file = `${dir}-${name}-${delayMs}ms.yaml`;
  fs.writeFileSync(file, stringify(content), { mode: 0o600 });
  return file;
}

/** How long the log of a verified task may be out of sight. */
const LOG_LOOKS = 40;
const LOG_PAUSE_MS = 50;

async function readEnd(client: ChainClient, mailbox: Address, task: PublishedTask): Promise<EndedTask> {
  const { taskId, log: created } = task.created;
  const info = await waitForEnd(createTaskMailbox(client, mailbox), taskId, systemClock);
  const readLogs = async () =>
    client.logs(
      { addresses: [mailbox], topics: [TASK_VERIFIED_TOPIC, null, parseHash32(taskId)] },
      { fromBlock: created.blockNumber, toBlock: (await client.head()).number },
    );
  let logs = await readLogs();
  // While anvil mines, its calls see the block a moment before its logs can be asked for.
  for (let look = 0; info.status === TaskStatus.verified && logs.length === 0 && look < LOG_LOOKS; look++) {
    await systemClock.sleep(LOG_PAUSE_MS);
    logs = await readLogs();
  }
  const [log] = logs;
  const block = log && (await client.block(log.blockHash));
  const certificate = log === undefined ? new Uint8Array() : decodeTaskVerified(log).executorCert;
  return {
    status: info.status === TaskStatus.verified ? 'verified' : 'expired',
    result: new TextDecoder().decode(info.result),
    verifications: logs.length,
    block: log?.blockNumber ?? 0,
    tookSeconds: block === undefined ? 0 : block.timestampSeconds - info.creationTimeSeconds,
    certificate,
    certifiedTimestamp: timestampOf(certificate),
  };
}

/** Both kinds of certificate are dynamic tuples that begin with their reference timestamp. */
function timestampOf(certificate: Uint8Array): number {
  if (certificate.length === 0) return 0;
  const [, timestamp] = AbiCoder.defaultAbiCoder().decode(['uint256', 'uint32'], certificate);
  return Number(timestamp);
}

function clientOf({ name, chainId: id, url }: DevnetChain): ChainClient {
  return createChainClient({
    chainId: chainId(id),
    name,
    rpcUrls: [url],
    clock: systemClock,
    logger: silentLogger,
  });
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the network has no such part');
  return value;
}
