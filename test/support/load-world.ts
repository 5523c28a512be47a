/**
 * A chain under load: many AVSs and executors on one anvil, all executors in this process, and as many tasks at once
 * as are wanted. The aggregator is the caller's to start, in this process or in one of its own.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { type Address, blockNumber, chainId, parseAddress, type TaskId } from '../../src/base/brands.js';
import { toHex } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import { freePorts } from '../../src/base/free-ports.js';
import { silentLogger } from '../../src/base/logger.js';
import type { ChainLog } from '../../src/chain/block.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import {
  decodeTaskCreated,
  decodeTaskVerified,
  encodeCreateTask,
  TASK_CREATED_TOPIC,
  TASK_VERIFIED_TOPIC,
  type TaskCreatedEvent,
} from '../../src/chain/contracts/task-mailbox.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import type { CurveName } from '../../src/crypto/curve.js';
import { type Account, type Cast, createCast, fundedAccounts } from '../../src/devnet/cast.js';
import { type Artifacts, attachTaskChain, deployL1, deployTaskChain } from '../../src/devnet/deploy.js';
import { EXECUTOR_SETS, L1_CHAIN_ID, stakeOf } from '../../src/devnet/plan.js';
import {
  AGGREGATOR_SET,
  configureTasks,
  createAvs,
  joinSets,
  type Registration,
  registerOperator,
  setStake,
} from '../../src/devnet/register.js';
import { SetupChain } from '../../src/devnet/setup-chain.js';
import { transportTables } from '../../src/devnet/transport.js';
import { writeConfigs } from '../../src/devnet/write-configs.js';
import { type Anvil, startAnvil } from './anvil.js';
import { loadArtifacts } from './devnet-artifacts.js';
import { placeRegistrar, withKeysFor } from './more-avss.js';
import { type ScriptedExecutor, scriptedExecutor } from './scripted-executor.js';
import { temporaryFolder } from './temporary-folder.js';

export interface LoadOptions {
  readonly executors: number;
  readonly avss: number;
  readonly curve: CurveName;
  /** Seconds a task may take. */
  readonly slaSeconds: number;
}

export interface LoadTask {
  readonly avs: Address;
  readonly payload: Uint8Array;
}

export interface LoadWorld {
  /** For the files of whoever works on this world; gone after `close`. */
  readonly folder: string;
  /** Mines on request only, until it is told otherwise. */
  readonly anvil: Anvil;
  readonly client: ChainClient;
  readonly mailbox: Address;
  readonly avss: readonly Address[];
  /** All of them work for all AVSs, and answer honestly. */
  readonly executors: readonly ScriptedExecutor[];
  readonly cast: Cast;
  /** Writes an aggregator's configuration for all AVSs, with these fields changed, and returns its file. */
  configure(changes: Readonly<Record<string, unknown>>): string;
  /** Puts transactions that create tasks into the pool, for the next block. */
  send(tasks: readonly LoadTask[]): Promise<void>;
  /** Tasks created in this block or later. */
  created(fromBlock: number): Promise<TaskCreatedEvent[]>;
  /** The blocks of verifications in this block or later. */
  verified(fromBlock: number): Promise<ReadonlyMap<TaskId, number>>;
  close(): Promise<void>;
}

/** Room for thousands of certificates in one block. */
const BLOCK_GAS_LIMIT = 5_000_000_000;
const CREATION_GAS = 2_000_000;
const BATCH = 100;

export async function startLoadWorld(options: LoadOptions): Promise<LoadWorld> {
  const artifacts: Artifacts = Object.fromEntries(
    [...(await loadArtifacts())].map(([name, { abi, deployedBytecode }]) => [
      name,
      { abi: abi.fragments, deployedBytecode },
    ]),
  );
  const opened: (() => unknown)[] = [];
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end();
  };
  try {
    const folder = await temporaryFolder();
    opened.push(() => folder.remove());
    const people = createCast(options.executors + options.avss - 1);
    const cast = { ...people, executors: people.executors.slice(0, options.executors) };
    const owners = [cast.avs, ...people.executors.slice(options.executors)];
    const args = ['--accounts', String(fundedAccounts(people.executors.length)), '--order', 'fifo'];
    const anvil = await startAnvil({
      chainId: L1_CHAIN_ID,
      args: [...args, '--gas-limit', String(BLOCK_GAS_LIMIT)],
    });
    opened.push(() => anvil.close());
    const bn254 = await loadBn254();
    const ports = await freePorts(options.executors);
    const sockets = ports.map((port) => `127.0.0.1:${port}`);
    const { ecdsaVerifier } = attachTaskChain(artifacts, L1_CHAIN_ID);
    const executors = cast.executors.map((operator, index) => {
      const shared = {
        socket: sockets[index] ?? '',
        bn254,
        ecdsaVerifier: ecdsaVerifier.address,
        curveOf: () => options.curve,
      };
      const byAvs = new Map(
        owners.map(({ address }, avs) => [
          address,
          scriptedExecutor({ ...shared, operator: withKeysFor(operator, avs) }),
        ]),
      );
      const executor = scriptedExecutor({ ...shared, operator });
      executor.honest = (submission, output) => {
        const one = byAvs.get(parseAddress(submission.avsAddress));
        if (one === undefined) throw new Error(`nobody works for ${submission.avsAddress}`);
        return one.honest(submission, output);
      };
      return executor;
    });
    for (const executor of executors) {
      await executor.listen();
      opened.push(() => executor.close());
    }
    const chain = new SetupChain(anvil.url, L1_CHAIN_ID, false);
    opened.push(() => chain.close());
    const contracts = await setUp({ ...options, artifacts, chain, cast, owners, sockets, bn254 });

    const client = createChainClient({
      chainId: chainId(L1_CHAIN_ID),
      name: 'L1',
      rpcUrls: [anvil.url],
      clock: systemClock,
      logger: silentLogger,
    });
    opened.push(() => client.close());
    const { aggregator } = await writeConfigs({
      folder: folder.path,
      cast: { ...cast, executors: [] },
      chains: [{ name: 'L1', chainId: L1_CHAIN_ID, pid: 0, url: anvil.url }],
      sockets: [],
      managementPort: 0,
      performer: { mode: 'process', command: [] },
      pollIntervalMs: 200,
    });
    const mailbox = contracts.mailbox.address;
    const avss = owners.map(({ address }) => address);
    const logs = async (topic: typeof TASK_CREATED_TOPIC, fromBlock: number): Promise<ChainLog[]> => {
      const { number } = await client.head();
      if (fromBlock > number) return [];
      const range = { fromBlock: blockNumber(fromBlock), toBlock: number };
      return client.logs({ addresses: [mailbox], topics: [topic] }, range);
    };
    // Counted here: a node that mines meanwhile gives the same nonce twice.
    let nextNonce: number | undefined;
    return {
      folder: folder.path,
      anvil,
      client,
      mailbox,
      avss,
      executors,
      cast,
      configure(changes) {
        const file = path.join(folder.path, 'aggregator-under-load.yaml');
        const content = {
          ...parse(fs.readFileSync(aggregator.config, 'utf8')),
          avss: avss.map((address) => ({ address, chainIds: [L1_CHAIN_ID] })),
          ...changes,
        };
        fs.writeFileSync(file, stringify(content), { mode: 0o600 });
        return file;
      },
      async send(tasks) {
        const { address } = cast.user;
        const first = nextNonce ?? Number(await anvil.rpc('eth_getTransactionCount', address, 'pending'));
        nextNonce = first + tasks.length;
        const requests = tasks.map(({ avs, payload }, index) => {
          const data = encodeCreateTask({
            refundCollector: address,
            operatorSet: { avs, id: setOf(options.curve).id },
            payload,
          });
          const [gas, nonce] = [CREATION_GAS, first + index].map((value) => `0x${value.toString(16)}`);
          return { from: address, to: mailbox, data: toHex(data), gas, nonce };
        });
        for (let from = 0; from < requests.length; from += BATCH) {
          await sendAll(anvil.url, requests.slice(from, from + BATCH));
        }
      },
      created: async (fromBlock) => (await logs(TASK_CREATED_TOPIC, fromBlock)).map(decodeTaskCreated),
      verified: async (fromBlock) =>
        new Map(
          (await logs(TASK_VERIFIED_TOPIC, fromBlock)).map((log) => [
            decodeTaskVerified(log).taskId,
            log.blockNumber,
          ]),
        ),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function setOf(curve: CurveName) {
  const set = EXECUTOR_SETS.find((candidate) => candidate.curve === curve);
  if (set === undefined) throw new Error(`the devnet has no set of curve ${curve}`);
  return set;
}

interface Setup extends LoadOptions {
  readonly artifacts: Artifacts;
  readonly chain: SetupChain;
  readonly cast: Cast;
  readonly owners: readonly Account[];
  readonly sockets: readonly string[];
  readonly bn254: Bn254;
}

/** The devnet's contracts, and every AVS with a registrar of its own, the one aggregator, and all executors. */
async function setUp(setup: Setup) {
  const { chain: l1, artifacts, cast, bn254, owners } = setup;
  const clock = systemClock;
  const l1Contracts = await deployL1(l1, artifacts, cast, clock);
  const taskContracts = await deployTaskChain(l1, L1_CHAIN_ID, artifacts, cast, bn254, clock);
  const sets = [setOf(setup.curve)];
  const registrations = await Promise.all(
    owners.map(async (avs, index): Promise<Registration> => {
      const avsCast = { ...cast, avs };
      const contracts =
        index === 0
          ? l1Contracts
          : await placeRegistrar({ ...setup, contracts: l1Contracts, executorSets: sets }, avs, index);
      return { l1, contracts, cast: avsCast, bn254, clock };
    }),
  );
  for (const registration of registrations) await createAvs(registration, sets);
  await l1.settle(clock);
  for (const [index, registration] of registrations.entries()) {
    const enter = index === 0 ? registerOperator : joinSets;
    await enter(registration, withKeysFor(cast.aggregator, index), [AGGREGATOR_SET], '');
    for (const [place, executor] of cast.executors.entries()) {
      await enter(registration, withKeysFor(executor, index), sets, setup.sockets[place] ?? '');
      for (const { id } of sets)
        await setStake(registration, executor, id, stakeOf(place, id, cast.executors.length));
    }
  }
  await l1.settle(clock);
  await transportTables({
    l1,
    crossChainRegistry: l1Contracts.crossChainRegistry,
    destinations: [{ chain: l1, updater: taskContracts.updater }],
    sender: cast.owner,
    generatorSecret: cast.generatorSecret,
    bn254,
    clock,
  });
  for (const registration of registrations)
    await configureTasks(l1, taskContracts, registration.cast, clock, sets, setup.slaSeconds);
  return taskContracts;
}

/** From an account whose key anvil has: nothing is signed here, so that a thousand are sent in no time. */
async function sendAll(url: string, transactions: readonly object[]): Promise<void> {
  const body = transactions.map((transaction, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'eth_sendTransaction',
    params: [transaction],
  }));
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answers = (await response.json()) as { error?: { message: string } }[];
  const failed = answers.find(({ error }) => error !== undefined);
  if (failed !== undefined) throw new Error(`a task cannot be created: ${failed.error?.message}`);
}
