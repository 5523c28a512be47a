/** Both chains of a devnet, with everyone registered, in a test's hands: they mine only when told. */
import { chainId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { type ChainClient, createChainClient } from '../../src/chain/client.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { type Cast, createCast, fundedAccounts } from '../../src/devnet/cast.js';
import {
  type Artifacts,
  deployL1,
  deployTaskChain,
  type L1Contracts,
  type TaskChainContracts,
} from '../../src/devnet/deploy.js';
import { L1_CHAIN_ID, L2_CHAIN_ID } from '../../src/devnet/plan.js';
import { registerEveryone } from '../../src/devnet/register.js';
import { SetupChain } from '../../src/devnet/setup-chain.js';
import { type TransportedTables, transportTables } from '../../src/devnet/transport.js';
import { type Anvil, startAnvil } from './anvil.js';
import { loadArtifacts } from './devnet-artifacts.js';

export interface DevnetChainWorld {
  readonly anvil: Anvil;
  readonly setup: SetupChain;
  readonly contracts: TaskChainContracts;
  readonly client: ChainClient;
}

export interface DevnetWorld {
  readonly artifacts: Artifacts;
  readonly bn254: Bn254;
  readonly cast: Cast;
  readonly l1: DevnetChainWorld;
  readonly l2: DevnetChainWorld;
  readonly l1Contracts: L1Contracts;
  /** Carries the tables as they are on L1 now to both chains. */
  transport(): Promise<TransportedTables>;
  close(): Promise<void>;
}

export interface DevnetWorldOptions {
  /** Of the executors, as registered. */
  readonly sockets?: readonly string[];
  /** Further accounts whose keys the chains have. */
  readonly users?: number;
}

export async function setupDevnetWorld(
  executors: number,
  { users = 0, ...options }: DevnetWorldOptions = {},
): Promise<DevnetWorld> {
  const bn254 = await loadBn254();
  const artifacts: Artifacts = Object.fromEntries(
    [...(await loadArtifacts())].map(([name, { abi, deployedBytecode }]) => [
      name,
      { abi: abi.fragments, deployedBytecode },
    ]),
  );
  const cast = createCast(executors);
  const started: { close(): unknown }[] = [];
  const close = async () => {
    for (const thing of started.splice(0).reverse()) await thing.close();
  };
  const start = async (id: number): Promise<DevnetChainWorld> => {
    const accounts = String(fundedAccounts(executors) + users);
    const args = ['--accounts', accounts, '--gas-limit', '500000000'];
    const anvil = await startAnvil({ chainId: id, args });
    started.push(anvil);
    const setup = new SetupChain(anvil.url, id, false);
    started.push(setup);
    const client = createChainClient({
      chainId: chainId(id),
      name: id === L1_CHAIN_ID ? 'l1' : 'l2',
      rpcUrls: [anvil.url],
      clock: systemClock,
      logger: silentLogger,
    });
    started.push(client);
    const contracts = await deployTaskChain(setup, id, artifacts, cast, bn254, systemClock);
    return { anvil, setup, contracts, client };
  };
  try {
    const l1 = await start(L1_CHAIN_ID);
    const l2 = await start(L2_CHAIN_ID);
    const l1Contracts = await deployL1(l1.setup, artifacts, cast, systemClock);
    const sockets = options.sockets ?? cast.executors.map((_, index) => `127.0.0.1:${9000 + index}`);
    await registerEveryone(
      { l1: l1.setup, contracts: l1Contracts, cast, bn254, clock: systemClock },
      sockets,
    );
    const transport = () =>
      transportTables({
        l1: l1.setup,
        crossChainRegistry: l1Contracts.crossChainRegistry,
        destinations: [l1, l2].map(({ setup, contracts }) => ({ chain: setup, updater: contracts.updater })),
        sender: cast.owner,
        generatorSecret: cast.generatorSecret,
        bn254,
        clock: systemClock,
      });
    return { artifacts, bn254, cast, l1, l2, l1Contracts, transport, close };
  } catch (error) {
    await close();
    throw error;
  }
}
