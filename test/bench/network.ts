/** A network for benchmarks, and many tasks at once on it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chainId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import {
  createTaskMailbox,
  decodeTaskVerified,
  TASK_VERIFIED_TOPIC,
  type TaskCreatedEvent,
  type TaskMailbox,
} from '../../src/chain/contracts/task-mailbox.js';
import { parseEcdsaSecret } from '../../src/crypto/ecdsa.js';
import type { DevnetChain } from '../../src/devnet/state.js';
import { type Network, startNetwork } from '../../src/operations/demo/network.js';
import { openTaskSender, type TaskSender } from '../../src/operations/task/submit-task.js';
import { waitForEnd } from '../../src/operations/task/wait.js';
import { TaskStatus } from '../../src/protocol/enums.js';

export interface BenchChain {
  readonly name: string;
  readonly client: ChainClient;
  readonly mailbox: TaskMailbox;
  readonly sender: TaskSender;
}

export interface FinishedTask {
  readonly created: TaskCreatedEvent;
  readonly verified: boolean;
  /** Blocks from the task's own to that of its verification. */
  readonly blocks: number;
}

/** Runs `work` on a fresh network and takes it down afterwards. */
export async function withNetwork<T>(
  work: (network: Network, chains: readonly BenchChain[]) => Promise<T>,
  executors = 4,
): Promise<T> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-bench-'));
  const stop = new AbortController();
  const network = await startNetwork({
    folder,
    executable: path.resolve('dist/ponos.cjs'),
    executors,
    blockTimeSeconds: 1,
    clock: systemClock,
    signal: stop.signal,
    report: () => undefined,
  });
  const chains: BenchChain[] = [];
  try {
    for (const chain of network.devnet.chains) chains.push(await openChain(network, chain, stop.signal));
    return await work(network, chains);
  } finally {
    stop.abort();
    await Promise.all(
      chains.map(async (chain) => {
        await chain.sender.close();
        await chain.client.close();
      }),
    );
    await network.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function openChain(network: Network, chain: DevnetChain, signal: AbortSignal): Promise<BenchChain> {
  const { devnet } = network;
  const client = createChainClient({
    chainId: chainId(chain.chainId),
    name: chain.name,
    rpcUrls: [chain.url],
    clock: systemClock,
    logger: silentLogger,
  });
  await client.start(signal);
  const key = new Secret(parseEcdsaSecret(fs.readFileSync(devnet.userKeyFile, 'utf8').trim()));
  const sender = openTaskSender({ client, mailbox: devnet.mailbox, key, clock: systemClock, signal });
  return { name: chain.name, client, mailbox: createTaskMailbox(client, devnet.mailbox), sender };
}

/** Creates `count` tasks just after a block, so that they share the next one. */
export async function createTogether(
  network: Network,
  chain: BenchChain,
  setId: number,
  count: number,
  firstNumber: number,
): Promise<TaskCreatedEvent[]> {
  const { number } = await chain.client.head();
  while ((await chain.client.head()).number === number) await systemClock.sleep(10);
  return Promise.all(
    Array.from({ length: count }, (_, index) =>
      chain.sender.create({
        operatorSet: { avs: network.devnet.avs, id: setId },
        payload: new TextEncoder().encode(`0x${(firstNumber + index).toString(16).padStart(4, '0')}`),
      }),
    ),
  );
}

/** Follows tasks to their end. */
export async function finish(chain: BenchChain, tasks: readonly TaskCreatedEvent[]): Promise<FinishedTask[]> {
  return Promise.all(
    tasks.map(async (created) => {
      const info = await waitForEnd(chain.mailbox, created.taskId, systemClock);
      const verified = info.status === TaskStatus.verified;
      const blocks = verified ? (await verifiedIn(chain, created)) - created.log.blockNumber : Number.NaN;
      return { created, verified, blocks };
    }),
  );
}

async function verifiedIn(chain: BenchChain, created: TaskCreatedEvent): Promise<number> {
  const head = await chain.client.head();
  const logs = await chain.client.logs(
    { addresses: [chain.mailbox.address], topics: [TASK_VERIFIED_TOPIC] },
    { fromBlock: created.log.blockNumber, toBlock: head.number },
  );
  const log = logs.find((candidate) => decodeTaskVerified(candidate).taskId === created.taskId);
  return log?.blockNumber ?? Number.NaN;
}
