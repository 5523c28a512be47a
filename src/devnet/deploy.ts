/** Placing the core contracts of both chains and telling each about its peers. */
import { Interface, type InterfaceAbi } from 'ethers';
import type { Address } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { knownChain } from '../config/known-chains.js';
import type { Bn254 } from '../crypto/bn254/bn254.js';
import { g1ToWords } from '../crypto/bn254/points.js';
import { operatorTableRoot } from '../protocol/operator-table.js';
import type { Cast } from './cast.js';
import {
  AGGREGATOR_SET_ID,
  AVS_REGISTRAR_ADDRESS,
  EXECUTOR_SETS,
  L1_CHAIN_ID,
  L2_CHAIN_ID,
  TABLE_UPDATER_ADDRESS,
  TASK_HOOK_ADDRESS,
} from './plan.js';
import type { PlacedContract, SetupChain } from './setup-chain.js';

/** The contracts every chain with tasks has. */
export interface TaskChainContracts {
  readonly mailbox: PlacedContract;
  readonly bn254Verifier: PlacedContract;
  readonly ecdsaVerifier: PlacedContract;
  readonly updater: PlacedContract;
  readonly taskHook: PlacedContract;
}

/** What L1 has besides. */
export interface L1Contracts {
  readonly allocationManager: PlacedContract;
  readonly delegationManager: PlacedContract;
  readonly keyRegistrar: PlacedContract;
  readonly crossChainRegistry: PlacedContract;
  readonly releaseManager: PlacedContract;
  readonly bn254Calculator: PlacedContract;
  readonly ecdsaCalculator: PlacedContract;
  readonly avsRegistrar: PlacedContract;
}

/** The compiled contracts by name (`#devnet-contracts`). */
export type Artifacts = Readonly<Record<string, { abi: InterfaceAbi; deployedBytecode: string }>>;

const TASK_CHAIN_LAYOUT = {
  mailbox: ['TaskMailbox', 'taskMailbox'],
  bn254Verifier: ['BN254CertificateVerifier', 'bn254CertificateVerifier'],
  ecdsaVerifier: ['ECDSACertificateVerifier', 'ecdsaCertificateVerifier'],
  updater: ['OperatorTableUpdater', TABLE_UPDATER_ADDRESS],
  taskHook: ['AcceptingTaskHook', TASK_HOOK_ADDRESS],
} as const;

const L1_LAYOUT = {
  allocationManager: ['AllocationManager', 'allocationManager'],
  delegationManager: ['DelegationManager', 'delegationManager'],
  keyRegistrar: ['KeyRegistrar', 'keyRegistrar'],
  crossChainRegistry: ['CrossChainRegistry', 'crossChainRegistry'],
  releaseManager: ['ReleaseManager', 'releaseManager'],
  bn254Calculator: ['BN254TableCalculator', 'bn254TableCalculator'],
  ecdsaCalculator: ['ECDSATableCalculator', 'ecdsaTableCalculator'],
  avsRegistrar: ['TaskAVSRegistrar', AVS_REGISTRAR_ADDRESS],
} as const;

/** Handles of contracts that stand already, without touching the chain. */
export function attachTaskChain(artifacts: Artifacts, chainId: number): TaskChainContracts {
  return mapLayout(TASK_CHAIN_LAYOUT, (name, address) => handle(artifacts, name, resolve(chainId, address)));
}

/** As attachTaskChain, for the contracts that only L1 has. */
export function attachL1(artifacts: Artifacts): L1Contracts {
  return mapLayout(L1_LAYOUT, (name, address) => handle(artifacts, name, resolve(L1_CHAIN_ID, address)));
}

/** Places and initializes what every chain has. */
export async function deployTaskChain(
  chain: SetupChain,
  chainId: number,
  artifacts: Artifacts,
  cast: Cast,
  bn254: Bn254,
  clock: Clock,
): Promise<TaskChainContracts> {
  const contracts = attachTaskChain(artifacts, chainId);
  await placeAll(chain, artifacts, TASK_CHAIN_LAYOUT, contracts);
  const { owner } = cast;
  const verifiers = [contracts.bn254Verifier.address, contracts.ecdsaVerifier.address];
  await chain.send(owner, contracts.bn254Verifier, 'initialize', [contracts.updater.address]);
  await chain.send(owner, contracts.ecdsaVerifier, 'initialize', [contracts.updater.address]);
  await chain.send(owner, contracts.mailbox, 'initialize', [owner.address, ...verifiers, 0, owner.address]);
  await chain.send(owner, contracts.updater, 'initialize', [
    owner.address,
    ...verifiers,
    [cast.generatorAvs, 0],
    10_000,
    generatorTable(cast.generatorSecret, bn254),
  ]);
  await chain.settle(clock);
  return contracts;
}

/** Places and initializes what only L1 has. */
export async function deployL1(
  chain: SetupChain,
  artifacts: Artifacts,
  cast: Cast,
  clock: Clock,
): Promise<L1Contracts> {
  const contracts = attachL1(artifacts);
  await placeAll(chain, artifacts, L1_LAYOUT, contracts);
  const { owner, avs } = cast;
  const { allocationManager, delegationManager, keyRegistrar, crossChainRegistry } = contracts;
  const peers = [allocationManager.address, keyRegistrar.address];
  await chain.send(owner, allocationManager, 'initialize', [
    owner.address,
    delegationManager.address,
    keyRegistrar.address,
  ]);
  await chain.send(owner, keyRegistrar, 'initialize', [allocationManager.address]);
  await chain.send(owner, crossChainRegistry, 'initialize', [owner.address, ...peers]);
  await chain.send(owner, contracts.bn254Calculator, 'initialize', peers);
  await chain.send(owner, contracts.ecdsaCalculator, 'initialize', peers);
  await chain.send(owner, contracts.avsRegistrar, 'initialize', [
    avs.address,
    avs.address,
    ...peers,
    [AGGREGATOR_SET_ID, EXECUTOR_SETS.map((set) => set.id)],
  ]);
  await chain.send(owner, crossChainRegistry, 'addChainIDsToWhitelist', [
    [L1_CHAIN_ID, L2_CHAIN_ID],
    [TABLE_UPDATER_ADDRESS, TABLE_UPDATER_ADDRESS],
  ]);
  await chain.settle(clock);
  return contracts;
}

/** A set of one: its tree is its only leaf. */
function generatorTable(secret: bigint, bn254: Bn254): unknown[] {
  const pubkey = bn254.derivePublicKey(secret).g1;
  const weights = [1n];
  return [toHex(operatorTableRoot([{ pubkey, weights }])), 1, g1ToWords(pubkey), weights];
}

type Layout = Readonly<Record<string, readonly [name: string, address: string]>>;

function mapLayout<L extends Layout, T>(
  layout: L,
  make: (name: string, address: string) => T,
): { [K in keyof L]: T } {
  const entries = Object.entries(layout).map(([key, [name, address]]) => [key, make(name, address)]);
  return Object.fromEntries(entries) as { [K in keyof L]: T };
}

async function placeAll<L extends Layout>(
  chain: SetupChain,
  artifacts: Artifacts,
  layout: L,
  contracts: { [K in keyof L]: PlacedContract },
): Promise<void> {
  await Promise.all(
    Object.entries(layout).map(([key, [name]]) => {
      const contract = contracts[key as keyof L];
      return chain.place(contract.address, artifact(artifacts, name).deployedBytecode);
    }),
  );
}

/** Core contracts go where every node looks for them; ours are given by address. */
function resolve(chainId: number, address: string): Address {
  if (address.startsWith('0x')) return address as Address;
  const known = knownChain(chainId)?.contracts as Readonly<Record<string, Address>> | undefined;
  const found = known?.[address];
  if (found !== undefined) return found;
  throw new PonosError('INTERNAL', {
    message: 'a devnet contract has no known address',
    facts: { address, chainId },
  });
}

function handle(artifacts: Artifacts, name: string, address: Address): PlacedContract {
  return { address, abi: new Interface(artifact(artifacts, name).abi) };
}

function artifact(artifacts: Artifacts, name: string): Artifacts[string] {
  const found = artifacts[name];
  if (found !== undefined) return found;
  throw new PonosError('INTERNAL', { message: 'a devnet contract was not compiled', facts: { name } });
}
