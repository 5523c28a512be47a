/** What a simulation plays with: two chains behind bad endpoints, two AVSs, executors of all kinds, and one aggregator. */
import path from 'node:path';
import type { Address } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { freePorts } from '../../src/base/free-ports.js';
import { loadConfig } from '../../src/config/load.js';
import type { AggregatorConfig } from '../../src/config/types.js';
import { createCast, fundedAccounts } from '../../src/devnet/cast.js';
import { EXECUTOR_SETS, L1_CHAIN_ID } from '../../src/devnet/plan.js';
import {
  AGGREGATOR_SET,
  configureTasks,
  createAvs,
  deregister,
  joinSets,
  type Registration,
  setStake,
} from '../../src/devnet/register.js';
import { writeConfigs } from '../../src/devnet/write-configs.js';
import { buildVerifyWorker } from '../support/build-worker.js';
import { type DevnetWorld, setupDevnetWorld } from '../support/devnet-world.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { drop } from '../support/fault-proxy-faults.js';
import { hurryingClock } from '../support/hurrying-clock.js';
import { placeRegistrar, withKeysFor } from '../support/more-avss.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { SimChain } from './sim-chain.js';
import { SimExecutor } from './sim-executor.js';
import { SimFaults } from './sim-faults.js';
import { SimNode } from './sim-node.js';
import { AVSS, BLOCK_SECONDS, type ChainName, ENDPOINTS, EXECUTORS, type TableChange } from './sim-plan.js';

/** How much faster than it does time passes for the aggregator: ten blocks a second are in time. */
const HURRY = 10;
const POLL_MS = 1_000;
/** As blocks: long enough for an aggregator to be in time after most of what happens. */
const TASK_BLOCKS = 20;
/** More than tasks within the deepest reorg. */
const USERS = 220;
const CONFIRMATIONS: Readonly<Record<ChainName, number>> = { L1: 0, L2: 2 };
const GRACE_MS = 1_000;
export const RICH_WEI = 10n ** 22n;

export interface SimChainSeat {
  readonly chain: SimChain;
  readonly id: number;
  readonly faults: SimFaults;
  readonly proxies: readonly FaultProxy[];
  readonly confirmations: number;
}

export interface SimWorld {
  readonly seats: Readonly<Record<ChainName, SimChainSeat>>;
  readonly avss: readonly Address[];
  readonly executors: readonly SimExecutor[];
  readonly node: SimNode;
  /** Changes the tables on L1 and carries them to both chains; what is mined by then is final. */
  changeTables(avs: number, change: TableChange): Promise<void>;
  stopNode(how: 'graceful' | 'killed'): Promise<void>;
  close(): Promise<void>;
}

export async function startSimWorld(): Promise<SimWorld> {
  const opened: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end();
  };
  try {
    const folder = await temporaryFolder();
    opened.push(() => folder.remove());
    const ports = await freePorts(EXECUTORS * 2);
    const sockets = ports.map((port) => `127.0.0.1:${port}`);
    const first = sockets.slice(0, EXECUTORS);
    const devnet = await setupDevnetWorld(EXECUTORS, { sockets: first, users: USERS });
    opened.push(() => devnet.close());
    const registrations = await registerAvss(devnet, first);
    await devnet.transport();
    for (const { setup, contracts } of [devnet.l1, devnet.l2]) {
      for (const { cast } of registrations) {
        const sla = TASK_BLOCKS * BLOCK_SECONDS;
        await configureTasks(setup, contracts, cast, systemClock, EXECUTOR_SETS, sla);
      }
    }
    const { node, proxies } = await prepareNode(devnet, folder.path, registrations, opened);
    const avss = registrations.map(({ cast }) => cast.avs.address);
    const executors = devnet.cast.executors.map(
      (operator, index) =>
        new SimExecutor({
          ...{ operator, avss, bn254: devnet.bn254 },
          sockets: [sockets[index] ?? '', sockets[EXECUTORS + index] ?? ''],
          ecdsaVerifier: devnet.l1.contracts.ecdsaVerifier.address,
        }),
    );
    for (const executor of executors) {
      await executor.listen();
      opened.push(() => executor.close());
    }
    const seats = {
      L1: await seat('L1', devnet, proxies.L1),
      L2: await seat('L2', devnet, proxies.L2),
    };
    opened.push(() => node.stop('killed', 0));
    return {
      ...{ seats, avss, executors, node, close },
      async changeTables(avs, change) {
        const registration = registrations[avs];
        if (registration === undefined) throw new Error(`there is no AVS ${avs}`);
        const joined = await changeTables(registrations, registration, executors, change);
        const { referenceTimestamp } = await devnet.transport();
        joined?.(avs, referenceTimestamp);
        for (const { chain } of Object.values(seats)) await chain.finalize();
      },
      async stopNode(how) {
        const cut =
          how === 'killed'
            ? Object.values(proxies).flatMap((both) => both.map((proxy) => proxy.set(drop)))
            : [];
        await node.stop(how, how === 'killed' ? 0 : GRACE_MS);
        for (const fault of cut) fault.end();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The devnet's AVS, and the others with registrars and keys of their own. */
async function registerAvss(devnet: DevnetWorld, sockets: readonly string[]): Promise<Registration[]> {
  const { cast, bn254, artifacts } = devnet;
  const l1 = devnet.l1.setup;
  const shared = { l1, bn254, clock: systemClock };
  const registrations: Registration[] = [{ ...shared, contracts: devnet.l1Contracts, cast }];
  const owners = createCast(EXECUTORS + AVSS - 1).executors.slice(EXECUTORS);
  for (const [index, avs] of owners.entries()) {
    const number = index + 1;
    const place = { chain: l1, artifacts, cast, contracts: devnet.l1Contracts, executorSets: EXECUTOR_SETS };
    const contracts = await placeRegistrar(place, avs, number);
    const registration = { ...shared, contracts, cast: { ...cast, avs } };
    await createAvs(registration, EXECUTOR_SETS);
    await joinSets(registration, withKeysFor(cast.aggregator, number), [AGGREGATOR_SET], '');
    for (const [seat, executor] of cast.executors.entries()) {
      await joinSets(registration, withKeysFor(executor, number), EXECUTOR_SETS, sockets[seat] ?? '');
      for (const { id } of EXECUTOR_SETS) await setStake(registration, executor, id, 20n);
    }
    await l1.settle(systemClock);
    registrations.push(registration);
  }
  return registrations;
}

/** @returns what is to be told when the tables were carried: whose keys count from then on */
async function changeTables(
  registrations: readonly Registration[],
  registration: Registration,
  executors: readonly SimExecutor[],
  change: TableChange,
): Promise<((avs: number, sinceSeconds: number) => void) | undefined> {
  const { l1, clock, cast } = registration;
  if (change.kind === 'weights') {
    for (const [index, weight] of change.weights.entries()) {
      const operator = cast.executors[index];
      if (operator === undefined) continue;
      for (const { id } of EXECUTOR_SETS) await setStake(registration, operator, id, BigInt(weight));
    }
    await l1.settle(clock);
    return undefined;
  }
  const executor = executors[change.executor];
  if (executor === undefined) throw new Error(`there is no executor ${change.executor}`);
  const { operator } = executor;
  switch (change.kind) {
    case 'leave':
      await deregister(
        registration,
        operator,
        EXECUTOR_SETS.map(({ id }) => id),
      );
      await l1.settle(clock);
      return undefined;
    case 'join': {
      const avs = registrations.indexOf(registration);
      const keys = executor.nextKeys(avs);
      await joinSets(registration, keys, EXECUTOR_SETS, executor.socket);
      await l1.settle(clock);
      return (_avs, sinceSeconds) => executor.useKeys(avs, keys, sinceSeconds);
    }
    case 'move':
      await executor.move();
      for (const { contracts } of registrations) {
        await l1.send(operator, contracts.avsRegistrar, 'updateSocket', [operator.address, executor.socket]);
      }
      await l1.settle(clock);
      return undefined;
  }
}

async function prepareNode(
  devnet: DevnetWorld,
  folder: string,
  registrations: readonly Registration[],
  opened: (() => Promise<unknown>)[],
) {
  const proxiesOf = async (url: string) => {
    const both: FaultProxy[] = [];
    for (let index = 0; index < ENDPOINTS; index += 1) {
      const proxy = await startFaultProxy([url]);
      opened.push(() => proxy.close());
      both.push(proxy);
    }
    return both;
  };
  const proxies = { L1: await proxiesOf(devnet.l1.anvil.url), L2: await proxiesOf(devnet.l2.anvil.url) };
  const chains = (['L1', 'L2'] as const).map((name) => ({
    ...{ name, pid: 0, url: proxies[name][0]?.url ?? '' },
    chainId: idOf(name, devnet),
  }));
  const { aggregator } = await writeConfigs({
    ...{ folder, cast: { ...devnet.cast, executors: [] }, chains, sockets: [], managementPort: 9_010 },
    ...{ performer: { mode: 'process', command: [] }, pollIntervalMs: POLL_MS },
  });
  const { config } = await loadConfig('aggregator', { file: aggregator.config, env: {} });
  const changed: AggregatorConfig = {
    ...config,
    managementServerGrpcPort: 0,
    chains: config.chains.map((chain, index) => {
      const name = index === 0 ? 'L1' : 'L2';
      const rpcUrls = proxies[name].map(({ url }) => url);
      return { ...chain, rpcUrls, blockConfirmations: CONFIRMATIONS[name] };
    }),
    avss: registrations.map(({ cast }) => ({
      address: cast.avs.address,
      chainIds: config.chains.map(({ chainId }) => chainId),
    })),
    storage: {
      ...config.storage,
      type: 'level',
      level: { ...config.storage.level, dir: path.join(folder, 'store'), syncWrites: false },
    },
  };
  const workerSource = await buildVerifyWorker();
  const node = new SimNode({ config: changed, workerSource, clock: hurryingClock(HURRY) });
  return { node, proxies };
}

async function seat(
  name: ChainName,
  devnet: DevnetWorld,
  proxies: readonly FaultProxy[],
): Promise<SimChainSeat> {
  const { anvil, client, contracts } = name === 'L1' ? devnet.l1 : devnet.l2;
  const accounts = await anvil.rpc<string[]>('eth_accounts');
  const chain = new SimChain({
    ...{ name, anvil, client, mailbox: contracts.mailbox.address },
    aggregator: devnet.cast.aggregator.address,
    users: accounts.slice(fundedAccounts(EXECUTORS) + AVSS - 1),
  });
  await chain.begin();
  const id = idOf(name, devnet);
  return { chain, id, proxies, faults: new SimFaults(proxies), confirmations: CONFIRMATIONS[name] };
}

function idOf(name: ChainName, { l2 }: DevnetWorld): number {
  return name === 'L1' ? L1_CHAIN_ID : l2.client.chainId;
}
