/** A devnet with both chains, an aggregator in this process, and executors that follow a script. */
import { type Aggregator, createAggregator } from '../../src/aggregator/aggregator.js';
import type { Lookup } from '../../src/aggregator/peer-address.js';
import { chainId } from '../../src/base/brands.js';
import { type Clock, systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import {
  createTaskMailbox,
  TASK_VERIFIED_TOPIC,
  type TaskCreatedEvent,
} from '../../src/chain/contracts/task-mailbox.js';
import { coreAddresses } from '../../src/config/known-chains.js';
import { loadConfig } from '../../src/config/load.js';
import type { AggregatorConfig } from '../../src/config/types.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { findAnvil } from '../../src/devnet/anvil.js';
import { type Cast, createCast } from '../../src/devnet/cast.js';
import { bringUp, takeDown } from '../../src/devnet/devnet.js';
import type { DevnetState } from '../../src/devnet/state.js';
import { openTaskSender } from '../../src/operations/task/submit-task.js';
import { loadSigningKeys, loadTransactionKey } from '../../src/signer/load-signers.js';
import { type AggregatorStore, createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { type Administration, administer } from './administer.js';
import { buildVerifyWorker } from './build-worker.js';
import { loadArtifacts } from './devnet-artifacts.js';
import { type LogLine, recordingLogger } from './recording-logger.js';
import { type ScriptedExecutor, scriptedExecutor } from './scripted-executor.js';
import { stopMining } from './stop-mining.js';
import { temporaryFolder } from './temporary-folder.js';
import { LONG_MS, until } from './until.js';

export type { LogLine };

export const BN254_SET = 1;
export const ECDSA_SET = 2;

const BLOCK_SECONDS = 1;

export interface AggregatorDevnet {
  readonly state: DevnetState;
  readonly cast: Cast;
  readonly bn254: Bn254;
  readonly executors: readonly ScriptedExecutor[];
  readonly config: AggregatorConfig;
  /** Everything that every aggregator of this world has logged. */
  readonly log: LogLine[];
  client(id: number): ChainClient;
  /** Changes the contracts; what is sent is mined at once. */
  administer<T>(change: (administration: Administration) => Promise<T>): Promise<T>;
  /** Starts an aggregator on this store (a fresh one in memory by default); `close` it. */
  startAggregator(options?: {
    store?: AggregatorStore;
    change?: (config: AggregatorConfig) => AggregatorConfig;
    clock?: Clock;
    lookup?: Lookup;
  }): Promise<Aggregator>;
  /** Creates tasks at once; each event names its block. */
  createTasks(id: number, operatorSetId: number, payloads: readonly string[]): Promise<TaskCreatedEvent[]>;
  /** Resolves with the block in which the task was verified. */
  verifiedAt(id: number, task: TaskCreatedEvent): Promise<number>;
  status(id: number, task: TaskCreatedEvent): Promise<number>;
  /** Resolves with the first line, logged before or later, that fits. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>;
  /** Everybody listens and answers honestly again, and no submission is remembered. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function aggregatorDevnet(): Promise<AggregatorDevnet> {
  await loadArtifacts();
  const { default: artifacts } = await import('#devnet-contracts');
  const folder = await temporaryFolder();
  const state = await bringUp(
    {
      folder: folder.path,
      ...{ l1Port: 0, l2Port: 0, executorPort: 0, managementPort: 0 },
      executors: 4,
      blockTimeSeconds: BLOCK_SECONDS,
      performer: { mode: 'process', command: ['true'] },
    },
    {
      artifacts,
      anvil: findAnvil(process.env, [process.cwd()]),
      clock: systemClock,
      report: () => undefined,
    },
  );
  const bn254 = await loadBn254();
  const cast = createCast(4);
  const workerSource = await buildVerifyWorker();
  const { config } = await loadConfig('aggregator', { file: state.aggregator.config, env: {} });
  const executors = cast.executors.map((operator, index) =>
    scriptedExecutor({
      operator,
      socket: state.executors[index]?.socket ?? '',
      bn254,
      ecdsaVerifier: coreAddresses(31_337, config).ecdsaCertificateVerifier,
      curveOf: (operatorSetId) => (operatorSetId === BN254_SET ? 'bn254' : 'ecdsa'),
    }),
  );
  await Promise.all(executors.map((executor) => executor.listen()));
  const clients = new Map(
    state.chains.map(({ chainId: id, url, name }) => [
      id,
      createChainClient({
        chainId: chainId(id),
        name,
        rpcUrls: [url],
        clock: systemClock,
        logger: silentLogger,
      }),
    ]),
  );
  const client = (id: number) => {
    const found = clients.get(id);
    if (found === undefined) throw new Error(`the devnet has no chain ${id}`);
    return found;
  };
  const senders = new Map(
    state.chains.map(({ chainId: id }) => [
      id,
      openTaskSender({
        client: client(id),
        mailbox: state.mailbox,
        key: new Secret(cast.user.secret),
        clock: systemClock,
      }),
    ]),
  );
  const log: LogLine[] = [];
  const logger = recordingLogger(log);
  return {
    state,
    cast,
    bn254,
    executors,
    config,
    log,
    client,
    async administer(change) {
      // The chains' own blocks would pass by a time that the next block is to have.
      for (const open of clients.values()) await stopMining(open);
      try {
        return await administer({ devnet: state, artifacts, cast, bn254, waits: false }, change);
      } finally {
        for (const open of clients.values()) await open.request('evm_setIntervalMining', [BLOCK_SECONDS]);
      }
    },
    async startAggregator({
      store = createAggregatorStore(createMemoryStore()),
      change = (same: AggregatorConfig) => same,
      clock = systemClock,
      lookup,
    } = {}) {
      const changed = change({ ...config, managementServerGrpcPort: 0 });
      const aggregator = createAggregator({
        config: changed,
        signingKeys: await loadSigningKeys(changed.operator.signingKeys, { clock, logger }),
        transactionSigner: await loadTransactionKey(changed.operator.operatorPrivateKey, { clock, logger }),
        store,
        workerSource,
        clock,
        logger,
        ...(lookup !== undefined && { lookup }),
      });
      await aggregator.start();
      return aggregator;
    },
    createTasks(id, operatorSetId, payloads) {
      const sender = senders.get(id);
      if (sender === undefined) throw new Error(`the devnet has no chain ${id}`);
      const operatorSet = { avs: state.avs, id: operatorSetId };
      return Promise.all(
        payloads.map((payload) => sender.create({ operatorSet, payload: Buffer.from(payload) })),
      );
    },
    verifiedAt(id, task) {
      return answer(`task ${task.taskId} was verified`, async () => {
        const head = await client(id).head();
        const logs = await client(id).logs(
          { addresses: [state.mailbox], topics: [TASK_VERIFIED_TOPIC, null] },
          { fromBlock: task.log.blockNumber, toBlock: head.number },
        );
        return logs.find(({ topics }) => topics[2] === (task.taskId as string))?.blockNumber;
      });
    },
    status: (id, task) => createTaskMailbox(client(id), state.mailbox).getTaskStatus(task.taskId, 'latest'),
    logged: (fits) => answer(`a line was logged with ${fits}`, async () => log.find(fits)),
    async reset() {
      for (const executor of executors) {
        await executor.close();
        await executor.listen();
        executor.answer = (submission) => executor.honest(submission);
        executor.submissions.length = 0;
      }
      log.length = 0;
    },
    async close() {
      await Promise.all(executors.map((executor) => executor.close()));
      for (const sender of senders.values()) await sender.close();
      for (const open of clients.values()) await open.close();
      await takeDown(folder.path, true, systemClock);
      await folder.remove();
    },
  };
}

/** Chains move by themselves; what they will say is asked for until they say it. */
async function answer<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  let found: T | undefined;
  const isThere = async () => {
    found = await ask();
    return found !== undefined;
  };
  await until(what, isThere, LONG_MS);
  return found as T;
}
