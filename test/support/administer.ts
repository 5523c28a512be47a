/** Changes to the contracts of a running devnet: stakes, tables, the rules of tasks. */
import { AbiCoder } from 'ethers';
import { fromHex, toHex } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import type { Bn254 } from '../../src/crypto/bn254/bn254.js';
import { CURVE_TYPE } from '../../src/crypto/curve.js';
import type { Cast } from '../../src/devnet/cast.js';
import {
  type Artifacts,
  attachL1,
  attachTaskChain,
  type TaskChainContracts,
} from '../../src/devnet/deploy.js';
import { EXECUTOR_SETS, L1_CHAIN_ID, TASK_HOOK_ADDRESS, TASK_SLA_SECONDS } from '../../src/devnet/plan.js';
import type { Registration } from '../../src/devnet/register.js';
import { SetupChain } from '../../src/devnet/setup-chain.js';
import type { DevnetState } from '../../src/devnet/state.js';
import { certifyRoot, type TransportedTables, transportTables } from '../../src/devnet/transport.js';
import { ConsensusType } from '../../src/protocol/enums.js';
import { merkleTree } from '../../src/protocol/merkle.js';
import { globalTableLeaf } from '../../src/protocol/operator-table.js';

/** What a change works with. */
export interface Administration extends Registration {
  readonly taskChains: readonly { readonly chain: SetupChain; readonly contracts: TaskChainContracts }[];
}

export interface AdministeredDevnet {
  readonly devnet: Pick<DevnetState, 'chains'>;
  readonly artifacts: Artifacts;
  readonly cast: Cast;
  readonly bn254: Bn254;
  /** Whether to wait for the chains' own blocks; otherwise what is sent is mined at once. */
  readonly waits: boolean;
}

/** Makes a change with transactions, and waits until they are mined. */
export async function administer<T>(
  { devnet, artifacts, cast, bn254, waits }: AdministeredDevnet,
  change: (administration: Administration) => Promise<T>,
): Promise<T> {
  const taskChains = devnet.chains.map((chain) => ({
    chain: new SetupChain(chain.url, chain.chainId, waits),
    contracts: attachTaskChain(artifacts, chain.chainId),
    id: chain.chainId,
  }));
  try {
    const l1 = taskChains.find(({ id }) => id === L1_CHAIN_ID)?.chain;
    if (l1 === undefined) throw new Error('the devnet has no L1');
    const contracts = attachL1(artifacts);
    const result = await change({ l1, contracts, cast, bn254, clock: systemClock, taskChains });
    for (const { chain } of taskChains) await chain.settle(systemClock);
    return result;
  } finally {
    for (const { chain } of taskChains) chain.close();
  }
}

/** Carries the tables as they are on L1 now to every chain. */
export function transport({
  l1,
  contracts,
  cast,
  bn254,
  taskChains,
}: Administration): Promise<TransportedTables> {
  return transportTables({
    l1,
    crossChainRegistry: contracts.crossChainRegistry,
    destinations: taskChains.map(({ chain, contracts: { updater } }) => ({ chain, updater })),
    sender: cast.owner,
    generatorSecret: cast.generatorSecret,
    bn254,
    clock: systemClock,
  });
}

/** Confirms a new global root on every chain, and delivers no table of it: the sets' own are older then. */
export async function confirmRootOnly(world: Administration): Promise<number> {
  const { l1, contracts, cast, bn254, taskChains } = world;
  const latest = await Promise.all(
    taskChains.map(({ chain, contracts: { updater } }) =>
      chain.read(updater, 'getLatestReferenceTimestamp', []),
    ),
  );
  await l1.reachTime(Math.max(...latest.map(([timestamp]) => Number(timestamp))) + 1, systemClock);
  const head = await l1.head();
  const leaves = await Promise.all(
    EXECUTOR_SETS.map(async ({ id }) => {
      const operatorSet = [cast.avs.address, id];
      const method = 'calculateOperatorTableBytes';
      const [bytes] = await l1.readAt(head.number, contracts.crossChainRegistry, method, [operatorSet]);
      return globalTableLeaf(fromHex(bytes));
    }),
  );
  const { root } = merkleTree(leaves);
  const signer = { bn254, generatorSecret: cast.generatorSecret };
  for (const {
    chain,
    contracts: { updater },
  } of taskChains) {
    await chain.reachTime(head.timestampSeconds, systemClock);
    const certificate = certifyRoot(signer, root, head.timestampSeconds, head.number);
    const args = [certificate, toHex(root), head.timestampSeconds, head.number];
    await chain.send(cast.owner, updater, 'confirmGlobalTableRoot', args);
    await chain.settle(systemClock);
  }
  return head.timestampSeconds;
}

/** For how long tables may be used, from the next transport on. */
export async function setStaleness({ l1, contracts, cast }: Administration, seconds: number): Promise<void> {
  for (const { id } of EXECUTOR_SETS) {
    const args = [
      [cast.avs.address, id],
      [cast.avs.address, seconds],
    ];
    await l1.send(cast.avs, contracts.crossChainRegistry, 'setOperatorSetConfig', args);
  }
  await l1.settle(systemClock);
}

export interface TaskRules {
  /** `none`, or the share of the table's weight in bips. */
  readonly consensus: 'none' | number;
  /** Default: the devnet's. */
  readonly slaSeconds?: number;
}

/** The rules of tasks that are created from now on, for both sets on every chain. */
export async function setTaskRules(
  { taskChains, cast }: Administration,
  { consensus, slaSeconds = TASK_SLA_SECONDS }: TaskRules,
): Promise<void> {
  const zero = `0x${'0'.repeat(40)}`;
  const encoded =
    consensus === 'none'
      ? [ConsensusType.none, '0x']
      : [ConsensusType.stakeProportionThreshold, AbiCoder.defaultAbiCoder().encode(['uint16'], [consensus])];
  for (const { chain, contracts } of taskChains) {
    for (const { id, curve } of EXECUTOR_SETS) {
      const rules = [TASK_HOOK_ADDRESS, slaSeconds, zero, CURVE_TYPE[curve], zero, encoded, '0x'];
      const operatorSet = [cast.avs.address, id];
      await chain.send(cast.avs, contracts.mailbox, 'setExecutorOperatorSetTaskConfig', [operatorSet, rules]);
    }
    await chain.settle(systemClock);
  }
}
