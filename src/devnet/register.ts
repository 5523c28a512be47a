/** Operators and operator sets on a devnet: creation, keys, membership, stake, task rules. */
import { AbiCoder, TypedDataEncoder } from 'ethers';
import { type OperatorSet, parseHex } from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import type { Bn254 } from '../crypto/bn254/bn254.js';
import { g1ToWords, g2ToWords } from '../crypto/bn254/points.js';
import { CURVE_TYPE, type CurveName } from '../crypto/curve.js';
import { signEcdsa } from '../crypto/ecdsa.js';
import { ConsensusType } from '../protocol/enums.js';
import type { Account, Cast, CastOperator } from './cast.js';
import type { L1Contracts, TaskChainContracts } from './deploy.js';
import {
  AGGREGATOR_SET_ID,
  EXECUTOR_SETS,
  type ExecutorSet,
  L1_CHAIN_ID,
  stakeOf,
  TABLE_STALENESS_SECONDS,
  TASK_HOOK_ADDRESS,
  TASK_SLA_SECONDS,
} from './plan.js';
import type { SetupChain } from './setup-chain.js';

const ZERO_ADDRESS = `0x${'0'.repeat(40)}`;
const coder = AbiCoder.defaultAbiCoder();

/** Whose members hand out tasks. */
export const AGGREGATOR_SET = { id: AGGREGATOR_SET_ID, curve: 'bn254' } as const;

/** What the functions here act on. */
export interface Registration {
  readonly l1: SetupChain;
  readonly contracts: L1Contracts;
  readonly cast: Cast;
  readonly bn254: Bn254;
  readonly clock: Clock;
}

/** The AVS, its operator sets, and everyone's membership with a socket (`host:port`) each. */
export async function registerEveryone(world: Registration, sockets: readonly string[]): Promise<void> {
  const { l1, cast, clock } = world;
  await createAvs(world, EXECUTOR_SETS);
  await l1.settle(clock);

  await registerOperator(world, cast.aggregator, [AGGREGATOR_SET], '');
  for (const [index, executor] of cast.executors.entries()) {
    await registerOperator(world, executor, EXECUTOR_SETS, sockets[index] ?? '');
    for (const set of EXECUTOR_SETS) {
      await setStake(world, executor, set.id, stakeOf(index, set.id, cast.executors.length));
    }
  }
  await l1.settle(clock);
}

/** The cast's AVS with its registrar, its aggregator set, and executor sets whose tables are carried to all chains. */
export async function createAvs(world: Registration, sets: readonly ExecutorSet[]): Promise<void> {
  const { l1, contracts, cast } = world;
  const { avs } = cast;
  const setIds = [AGGREGATOR_SET.id, ...sets.map((set) => set.id)];
  await l1.send(avs, contracts.allocationManager, 'setAVSRegistrar', [
    avs.address,
    contracts.avsRegistrar.address,
  ]);
  await l1.send(avs, contracts.allocationManager, 'createOperatorSets', [avs.address, setIds]);
  await configureSet(world, AGGREGATOR_SET.id, AGGREGATOR_SET.curve);
  for (const set of sets) {
    await configureSet(world, set.id, set.curve);
    await reserveTable(world, set);
  }
}

/**
 * Makes an account an operator and a member of these sets, with its keys or, where the registrar does not insist
 * on keys, without. Takes effect with the next `settle`.
 */
export async function registerOperator(
  world: Registration,
  operator: CastOperator,
  sets: readonly { id: number; curve: CurveName }[],
  socket: string,
  keys: 'with keys' | 'without keys' = 'with keys',
): Promise<void> {
  const { l1, contracts } = world;
  await l1.send(operator, contracts.delegationManager, 'registerAsOperator', [ZERO_ADDRESS, 0, '']);
  await joinSets(world, operator, sets, socket, keys);
}

/** As `registerOperator`, for an account that is an operator already, as of another AVS. */
export async function joinSets(
  world: Registration,
  operator: CastOperator,
  sets: readonly { id: number; curve: CurveName }[],
  socket: string,
  keys: 'with keys' | 'without keys' = 'with keys',
): Promise<void> {
  const { l1, contracts, cast } = world;
  if (keys === 'with keys') {
    for (const set of sets) await registerKey(world, operator, set.id, set.curve);
  }
  const data = coder.encode(['string'], [socket]);
  await l1.send(operator, contracts.allocationManager, 'registerForOperatorSets', [
    operator.address,
    [cast.avs.address, sets.map((set) => set.id), data],
  ]);
}

/** Registers the operator's signing key for a set, proven by a signature with that key. */
async function registerKey(
  world: Registration,
  operator: CastOperator,
  setId: number,
  curve: CurveName,
): Promise<void> {
  const operatorSet: OperatorSet = { avs: world.cast.avs.address, id: setId };
  const { keyData, signature } =
    curve === 'bn254'
      ? proveBn254Key(world, operator, operatorSet)
      : proveEcdsaKey(world, operator, operatorSet);
  await world.l1.send(operator, world.contracts.keyRegistrar, 'registerKey', [
    operator.address,
    [operatorSet.avs, operatorSet.id],
    keyData,
    signature,
  ]);
}

/** EIP-712 domain of KeyRegistrar: with the chain id, unlike that of certificates. */
const domainOf = (contracts: L1Contracts) => ({
  name: 'EigenLayer',
  version: '1',
  chainId: L1_CHAIN_ID,
  verifyingContract: contracts.keyRegistrar.address,
});

const identityFields = [
  { name: 'operator', type: 'address' },
  { name: 'avs', type: 'address' },
  { name: 'operatorSetId', type: 'uint32' },
];

function proveEcdsaKey({ contracts }: Registration, operator: CastOperator, operatorSet: OperatorSet) {
  const { address, secret } = operator.ecdsaSigning;
  const digest = TypedDataEncoder.hash(
    domainOf(contracts),
    { ECDSAKeyRegistration: [...identityFields, { name: 'keyAddress', type: 'address' }] },
    { operator: operator.address, avs: operatorSet.avs, operatorSetId: operatorSet.id, keyAddress: address },
  );
  return { keyData: address, signature: toHex(signEcdsa(secret, fromHex(parseHex(digest)))) };
}

function proveBn254Key({ contracts, bn254 }: Registration, operator: CastOperator, operatorSet: OperatorSet) {
  const { g1, g2 } = bn254.derivePublicKey(operator.bn254Secret);
  const { X, Y } = g2ToWords(g2);
  const keyData = coder.encode(['uint256[6]'], [[...g1ToWords(g1), ...X, ...Y]]);
  const digest = TypedDataEncoder.hash(
    domainOf(contracts),
    { BN254KeyRegistration: [...identityFields, { name: 'keyData', type: 'bytes' }] },
    { operator: operator.address, avs: operatorSet.avs, operatorSetId: operatorSet.id, keyData },
  );
  // 64 bytes X ‖ Y are abi.encode(X, Y).
  const signature = bn254.sign(operator.bn254Secret, fromHex(parseHex(digest)), 'solidity');
  return { keyData, signature: toHex(signature) };
}

/** Sets what an operator has at stake in a set. Takes effect in tables with the next transport. */
export async function setStake(
  { l1, contracts, cast }: Registration,
  operator: Account,
  setId: number,
  stake: bigint,
): Promise<void> {
  await l1.send(cast.owner, contracts.allocationManager, 'setStake', [
    operator.address,
    [cast.avs.address, setId],
    stake,
  ]);
}

/** Takes an operator out of sets; its keys for them go too. */
export async function deregister(
  { l1, contracts, cast }: Registration,
  operator: Account,
  setIds: readonly number[],
): Promise<void> {
  await l1.send(operator, contracts.allocationManager, 'deregisterFromOperatorSets', [
    [operator.address, cast.avs.address, setIds],
  ]);
}

async function configureSet(world: Registration, setId: number, curve: CurveName): Promise<void> {
  const { l1, contracts, cast } = world;
  await l1.send(cast.avs, contracts.keyRegistrar, 'configureOperatorSet', [
    [cast.avs.address, setId],
    CURVE_TYPE[curve],
  ]);
}

async function reserveTable({ l1, contracts, cast }: Registration, set: ExecutorSet): Promise<void> {
  const calculator = set.curve === 'bn254' ? contracts.bn254Calculator : contracts.ecdsaCalculator;
  await l1.send(cast.avs, contracts.crossChainRegistry, 'createGenerationReservation', [
    [cast.avs.address, set.id],
    calculator.address,
    [cast.avs.address, TABLE_STALENESS_SECONDS],
  ]);
}

/** The rules of the executor sets' tasks. The mailbox asks the transported table who owns a set: transport first. */
export async function configureTasks(
  chain: SetupChain,
  { mailbox }: TaskChainContracts,
  cast: Cast,
  clock: Clock,
  sets: readonly ExecutorSet[] = EXECUTOR_SETS,
  slaSeconds = TASK_SLA_SECONDS,
): Promise<void> {
  for (const set of sets) {
    const consensus = [ConsensusType.stakeProportionThreshold, coder.encode(['uint16'], [set.thresholdBips])];
    await chain.send(cast.avs, mailbox, 'setExecutorOperatorSetTaskConfig', [
      [cast.avs.address, set.id],
      [TASK_HOOK_ADDRESS, slaSeconds, ZERO_ADDRESS, CURVE_TYPE[set.curve], ZERO_ADDRESS, consensus, '0x'],
    ]);
  }
  await chain.settle(clock);
}
