/** A devnet as a whole: bringing it up, taking it down, carrying its tables. */
import fs from 'node:fs';
import path from 'node:path';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { freePorts } from '../base/free-ports.js';
import { type Bn254, loadBn254 } from '../crypto/bn254/bn254.js';
import { isAnvilRunning, type RunningAnvil, startAnvil, stopProcess } from './anvil.js';
import { type Cast, createCast, fundedAccounts } from './cast.js';
import { type Artifacts, attachL1, attachTaskChain, deployL1, deployTaskChain } from './deploy.js';
import { prepareFolder, purgeFolder } from './folder.js';
import { DEVNET_MNEMONIC, EXECUTOR_SETS, L1_CHAIN_ID, L2_CHAIN_ID } from './plan.js';
import { configureTasks, registerEveryone } from './register.js';
import { SetupChain } from './setup-chain.js';
import { type DevnetChain, type DevnetState, findDevnet, requireDevnet, saveDevnet } from './state.js';
import { type TransportedTables, type TransportRoute, transportTables } from './transport.js';
import { type DevnetPerformer, writeConfigs } from './write-configs.js';

export interface DevnetOptions {
  readonly folder: string;
  /** Ports; 0 for a free one. Executors take `executorPort` and those after it. */
  readonly l1Port: number;
  readonly l2Port: number;
  readonly executorPort: number;
  readonly managementPort: number;
  readonly executors: number;
  readonly blockTimeSeconds: number;
  readonly performer: DevnetPerformer;
}

export interface DevnetDependencies {
  readonly artifacts: Artifacts;
  readonly anvil: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** One line per step. */
  readonly report: (line: string) => void;
}

/**
 * Starts both chains, deploys, registers, transports, writes configs. On any failure the chains
 * are stopped again.
 *
 * @throws PonosError DEVNET_FAILED when the folder has a running devnet already, or something else; PORT_IN_USE, …
 */
export async function bringUp(
  options: DevnetOptions,
  dependencies: DevnetDependencies,
): Promise<DevnetState> {
  const { clock, report } = dependencies;
  const folder = path.resolve(options.folder);
  refuseSecond(folder);
  prepareFolder(folder);
  const started: RunningAnvil[] = [];
  const open: SetupChain[] = [];
  try {
    const chains: DevnetChain[] = [];
    for (const [name, chainId, port] of [
      ['L1', L1_CHAIN_ID, options.l1Port],
      ['L2', L2_CHAIN_ID, options.l2Port],
    ] as const) {
      const anvil = await startAnvil(
        {
          binary: dependencies.anvil,
          chainId,
          port,
          accounts: fundedAccounts(options.executors),
          mnemonic: DEVNET_MNEMONIC,
          logFile: path.join(folder, `${name}.log`),
        },
        clock,
        dependencies.signal,
      );
      started.push(anvil);
      chains.push({ name, chainId, ...anvil });
      report(`${name} (chain ${chainId}) listens on ${anvil.url}`);
    }
    const cast = createCast(options.executors);
    const sockets = await chooseSockets(options);
    await setUp({ chains, cast, sockets, open, options, dependencies });

    const [managementPort = options.managementPort] =
      options.managementPort === 0 ? await freePorts(1) : [options.managementPort];
    const configs = await writeConfigs({
      folder,
      cast,
      chains,
      sockets,
      managementPort,
      performer: options.performer,
      pollIntervalMs: pollIntervalFor(options.blockTimeSeconds),
    });
    const state: DevnetState = {
      format: 1,
      chains,
      avs: cast.avs.address,
      mailbox: attachTaskChain(dependencies.artifacts, L1_CHAIN_ID).mailbox.address,
      operatorSets: EXECUTOR_SETS,
      ...configs,
    };
    throwIfAborted(dependencies.signal);
    saveDevnet(folder, state);
    return state;
  } catch (error) {
    for (const anvil of started) await stopProcess(anvil.pid, clock);
    throw error;
  } finally {
    for (const chain of open) chain.close();
  }
}

/** Stops what runs. @param purge removes what the devnet has written @returns the names of the chains that were stopped */
export async function takeDown(folder: string, purge: boolean, clock: Clock): Promise<string[]> {
  const state = findDevnet(folder);
  if (state === undefined) {
    throw new PonosError('DEVNET_FAILED', {
      message: `there is no devnet in ${folder}`,
      advice: 'Name its folder with --dir.',
    });
  }
  const running = state.chains.filter(isAnvilRunning);
  await Promise.all(running.map((chain) => stopProcess(chain.pid, clock)));
  if (purge) purgeFolder(folder);
  else fs.rmSync(path.join(folder, 'devnet.json'), { force: true });
  return running.map((chain) => chain.name);
}

/** Carries the tables as they are on L1 now. */
export async function transportNow(
  folder: string,
  artifacts: Artifacts,
  clock: Clock,
): Promise<TransportedTables> {
  const state = requireDevnet(folder);
  const open = state.chains.map((chain) => ({
    ...chain,
    handle: new SetupChain(chain.url, chain.chainId, true),
  }));
  try {
    const cast = createCast(state.executors.length);
    return await transportTables(
      routeOf(
        open.map(({ chainId, handle }) => ({ chainId, handle })),
        { artifacts, cast, bn254: await loadBn254(), clock },
      ),
    );
  } finally {
    for (const { handle } of open) handle.close();
  }
}

interface Setup {
  readonly chains: readonly DevnetChain[];
  readonly cast: Cast;
  readonly sockets: readonly string[];
  /** Receives what must be closed. */
  readonly open: SetupChain[];
  readonly options: DevnetOptions;
  readonly dependencies: DevnetDependencies;
}

async function setUp({ chains, cast, sockets, open, options, dependencies }: Setup): Promise<void> {
  const { artifacts, clock, report } = dependencies;
  const bn254 = await loadBn254();
  const handles = chains.map(({ url, chainId }) => {
    const handle = new SetupChain(url, chainId, false);
    open.push(handle);
    return { chainId, handle };
  });
  const [l1] = handles;
  if (l1 === undefined) throw new PonosError('INTERNAL', { message: 'a devnet without chains' });

  const contracts = await deployL1(l1.handle, artifacts, cast, clock);
  const deployed = await Promise.all(
    handles.map(async ({ chainId, handle }) => ({
      handle,
      contracts: await deployTaskChain(handle, chainId, artifacts, cast, bn254, clock),
    })),
  );
  report('contracts are placed');
  await registerEveryone({ l1: l1.handle, contracts, cast, bn254, clock }, sockets);
  report(`registered 1 aggregator and ${cast.executors.length} executors`);
  await transportTables(routeOf(handles, { artifacts, cast, bn254, clock }));
  await Promise.all(deployed.map((chain) => configureTasks(chain.handle, chain.contracts, cast, clock)));
  report('operator tables are on both chains');
  await Promise.all(handles.map(({ handle }) => handle.mineEvery(options.blockTimeSeconds)));
}

function routeOf(
  chains: readonly { chainId: number; handle: SetupChain }[],
  parts: { artifacts: Artifacts; cast: Cast; bn254: Bn254; clock: Clock },
): TransportRoute {
  const l1 = chains.find(({ chainId }) => chainId === L1_CHAIN_ID);
  if (l1 === undefined) throw new PonosError('INTERNAL', { message: 'a devnet without L1' });
  return {
    l1: l1.handle,
    crossChainRegistry: attachL1(parts.artifacts).crossChainRegistry,
    destinations: chains.map(({ chainId, handle }) => ({
      chain: handle,
      updater: attachTaskChain(parts.artifacts, chainId).updater,
    })),
    sender: parts.cast.owner,
    generatorSecret: parts.cast.generatorSecret,
    bn254: parts.bn254,
    clock: parts.clock,
  };
}

async function chooseSockets({ executorPort, executors }: DevnetOptions): Promise<string[]> {
  const ports =
    executorPort === 0
      ? await freePorts(executors)
      : Array.from({ length: executors }, (_, index) => executorPort + index);
  return ports.map((port) => `127.0.0.1:${port}`);
}

/** Several looks per block, but not hundreds for slow chains. */
function pollIntervalFor(blockTimeSeconds: number): number {
  return Math.min(1_000, blockTimeSeconds * 200);
}

function refuseSecond(folder: string): void {
  const existing = findDevnet(folder);
  if (existing?.chains.some(isAnvilRunning)) {
    throw new PonosError('DEVNET_FAILED', {
      message: `a devnet runs in ${folder} already`,
      advice: `Use it, or stop it with \`ponos devnet down --dir ${folder}\`, or choose another --dir.`,
    });
  }
}
