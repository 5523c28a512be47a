/** The L1 side of the devnet's contracts: keys, operator sets, table calculators and table transport. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AbiCoder, TypedDataEncoder, ZeroAddress } from 'ethers';
import { parseAddress, parseHex } from '../../src/base/brands.js';
import { fromHex, toHex, word } from '../../src/base/bytes.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { g1ToWords, g2ToWords } from '../../src/crypto/bn254/points.js';
import { CURVE_TYPE } from '../../src/crypto/curve.js';
import { ecdsaAddress, signEcdsa } from '../../src/crypto/ecdsa.js';
import { encodeBn254Certificate } from '../../src/protocol/bn254-certificate.js';
import { encodeEcdsaCertificate } from '../../src/protocol/ecdsa-certificate.js';
import { merkleTree } from '../../src/protocol/merkle.js';
import { globalTableLeaf } from '../../src/protocol/operator-table.js';
import { ContractChain, type Placed } from '../support/contract-chain.js';
import {
  addresses,
  certifyRoot,
  OWNER,
  operatorInfo,
  placeTaskContracts,
  TABLE_UPDATER,
  type TaskContracts,
  transport,
} from '../support/contract-world.js';
import { Bn254Crew, EcdsaCrew } from '../support/signing-crews.js';
import { encodeOperatorTableBytes } from '../support/table-bytes.js';

const AVS = '0x00000000000000000000000000000000000a0001';
const REGISTRAR = '0x00000000000000000000000000000000000a0002';
const START = 1_770_000_000;
const AGGREGATOR_SET = 0;
const BN254_SET = 1;
const ECDSA_SET = 2;
const bn254Set = [AVS, BN254_SET] as const;
const ecdsaSet = [AVS, ECDSA_SET] as const;
type OperatorSetWords = readonly [avs: string, id: number];

/** Operators by number; their signing keys are others than the keys of these addresses. */
const operator = (number: number) => `0x${(0x0b_0000 + number).toString(16).padStart(40, '0')}`;
const bn254Secret = (number: number) => 7_000n + BigInt(number);
const ecdsaSecret = (number: number) => word(9_000n + BigInt(number));
const stakeOf = (number: number) => BigInt(number) * 10n ** 18n;

const coder = AbiCoder.defaultAbiCoder();

let chain: ContractChain;
let bn254: Bn254;
let tasks: TaskContracts;
let keys: Placed;
let allocations: Placed;
let delegations: Placed;
let registry: Placed;
let bn254Calculator: Placed;
let ecdsaCalculator: Placed;
let registrar: Placed;
let releases: Placed;
let restore: () => Promise<void>;

beforeAll(async () => {
  bn254 = await loadBn254();
  chain = await ContractChain.start(START);
  tasks = await placeTaskContracts(chain, bn254);
  const at = addresses();
  keys = await chain.place('KeyRegistrar', at.keyRegistrar);
  allocations = await chain.place('AllocationManager', at.allocationManager);
  delegations = await chain.place('DelegationManager', at.delegationManager);
  registry = await chain.place('CrossChainRegistry', at.crossChainRegistry);
  bn254Calculator = await chain.place('BN254TableCalculator', at.bn254TableCalculator);
  ecdsaCalculator = await chain.place('ECDSATableCalculator', at.ecdsaTableCalculator);
  releases = await chain.place('ReleaseManager', at.releaseManager);
  registrar = await chain.place('TaskAVSRegistrar', REGISTRAR);
  const peers = [at.allocationManager, at.keyRegistrar];
  await chain.send(OWNER, keys, 'initialize', [at.allocationManager]);
  await chain.send(OWNER, allocations, 'initialize', [OWNER, at.delegationManager, at.keyRegistrar]);
  await chain.send(OWNER, registry, 'initialize', [OWNER, ...peers]);
  await chain.send(OWNER, bn254Calculator, 'initialize', peers);
  await chain.send(OWNER, ecdsaCalculator, 'initialize', peers);
  await chain.send(OWNER, registrar, 'initialize', [
    AVS,
    AVS,
    ...peers,
    [AGGREGATOR_SET, [BN254_SET, ECDSA_SET]],
  ]);
  await chain.send(AVS, allocations, 'setAVSRegistrar', [AVS, REGISTRAR]);
  await chain.send(AVS, allocations, 'createOperatorSets', [AVS, [AGGREGATOR_SET, BN254_SET, ECDSA_SET]]);
  await chain.send(AVS, keys, 'configureOperatorSet', [bn254Set, CURVE_TYPE.bn254]);
  await chain.send(AVS, keys, 'configureOperatorSet', [ecdsaSet, CURVE_TYPE.ecdsa]);
  await reserve(bn254Set, bn254Calculator);
  await reserve(ecdsaSet, ecdsaCalculator);
  await chain.send(OWNER, registry, 'addChainIDsToWhitelist', [[31337], [TABLE_UPDATER]]);
  restore = await chain.snapshot();
}, 60_000);

beforeEach(() => restore());
afterAll(() => chain?.close());

const reserve = (set: OperatorSetWords, calculator: Placed) =>
  chain.send(AVS, registry, 'createGenerationReservation', [set, calculator.address, [AVS, 500]]);

interface KeyProof {
  readonly keyData: string;
  readonly signature: string;
}

/** Of EIP-712 as any wallet computes it. */
function registrationDigest(type: string, field: string, kind: string, values: object): Uint8Array {
  const domain = { name: 'EigenLayer', version: '1', chainId: 31337, verifyingContract: keys.address };
  const fields = [
    { name: 'operator', type: 'address' },
    { name: 'avs', type: 'address' },
    { name: 'operatorSetId', type: 'uint32' },
    { name: field, type: kind },
  ];
  return fromHex(parseHex(TypedDataEncoder.hash(domain, { [type]: fields }, values)));
}

function bn254Proof(number: number, [avs, operatorSetId]: OperatorSetWords, keyOf = number): KeyProof {
  const { g1, g2 } = bn254.derivePublicKey(bn254Secret(keyOf));
  const { X, Y } = g2ToWords(g2);
  const keyData = coder.encode(['uint256[6]'], [[...g1ToWords(g1), ...X, ...Y]]);
  const values = { operator: operator(number), avs, operatorSetId, keyData };
  const digest = registrationDigest('BN254KeyRegistration', 'keyData', 'bytes', values);
  return { keyData, signature: toHex(bn254.sign(bn254Secret(keyOf), digest, 'solidity')) };
}

function ecdsaProof(number: number, [avs, operatorSetId]: OperatorSetWords, keyOf = number): KeyProof {
  const keyAddress = ecdsaAddress(ecdsaSecret(keyOf));
  const values = { operator: operator(number), avs, operatorSetId, keyAddress };
  const digest = registrationDigest('ECDSAKeyRegistration', 'keyAddress', 'address', values);
  return { keyData: keyAddress, signature: toHex(signEcdsa(ecdsaSecret(keyOf), digest)) };
}

const proofFor = (number: number, set: OperatorSetWords) =>
  set[1] === ECDSA_SET ? ecdsaProof(number, set) : bn254Proof(number, set);
const registerKey = (number: number, set: OperatorSetWords, proof = proofFor(number, set)) =>
  chain.send(operator(number), keys, 'registerKey', [operator(number), set, proof.keyData, proof.signature]);
const joinSet = (number: number, set: OperatorSetWords) =>
  chain.send(operator(number), allocations, 'registerForOperatorSets', [
    operator(number),
    [set[0], [set[1]], coder.encode(['string'], [`operator-${number}:9090`])],
  ]);
const leaveSet = (number: number, set: OperatorSetWords) =>
  chain.send(operator(number), allocations, 'deregisterFromOperatorSets', [
    [operator(number), set[0], [set[1]]],
  ]);
const setStake = (number: number, set: OperatorSetWords, stake: bigint) =>
  chain.send(OWNER, allocations, 'setStake', [operator(number), set, stake]);
const becomeOperator = (number: number) =>
  chain.send(operator(number), delegations, 'registerAsOperator', [ZeroAddress, 0, '']);
const membersOf = async (set: OperatorSetWords) => [...(await chain.call(allocations, 'getMembers', [set]))];

/** Operator, key, stake and membership, in the order of the real thing. */
async function enlist(numbers: readonly number[], set: OperatorSetWords): Promise<void> {
  for (const number of numbers) {
    if (!(await chain.call(delegations, 'isOperator', [operator(number)]))) await becomeOperator(number);
    await registerKey(number, set);
    await joinSet(number, set);
    await setStake(number, set, stakeOf(number));
  }
}
/** As checksummed text, the way ethers decodes addresses. */
const checksummed = (numbers: readonly number[]) =>
  numbers.map((number) => coder.decode(['address'], coder.encode(['address'], [operator(number)]))[0]);

describe('KeyRegistrar', () => {
  test('default: takes a BN254 key that proves itself, and names its operator', async () => {
    const proof = bn254Proof(1, bn254Set);
    const { events } = await registerKey(1, bn254Set, proof);
    expect(events.map((event) => event.name)).toEqual(['KeyRegistered']);
    const { g1, g2 } = bn254.derivePublicKey(bn254Secret(1));
    const [storedG1, storedG2] = await chain.call(keys, 'getBN254Key', [bn254Set, operator(1)]);
    expect([...storedG1]).toEqual(g1ToWords(g1));
    expect({ X: [...storedG2.X], Y: [...storedG2.Y] }).toEqual(g2ToWords(g2));
    const encoded = await chain.call(keys, 'encodeBN254KeyData', [[...storedG1], [storedG2[0], storedG2[1]]]);
    expect(encoded).toBe(proof.keyData);
    const byKey = [bn254Set, coder.encode(['uint256', 'uint256'], g1ToWords(g1))];
    const named = await chain.call(keys, 'getOperatorFromSigningKey', byKey);
    expect([...named]).toEqual([checksummed([1])[0], true]);
  });

  test('default: takes an ECDSA key that proves itself, and names its operator', async () => {
    const proof = ecdsaProof(1, ecdsaSet);
    await registerKey(1, ecdsaSet, proof);
    expect(await chain.call(keys, 'getECDSAKey', [ecdsaSet, operator(1)])).toBe(proof.keyData);
    const address: string = await chain.call(keys, 'getECDSAAddress', [ecdsaSet, operator(1)]);
    expect(address.toLowerCase()).toBe(proof.keyData);
    const named = await chain.call(keys, 'getOperatorFromSigningKey', [ecdsaSet, proof.keyData]);
    expect([...named]).toEqual([checksummed([1])[0], true]);
  });

  test('default: what is signed is what the contract says', async () => {
    const { keyData } = bn254Proof(1, bn254Set);
    const values = { operator: operator(1), avs: AVS, operatorSetId: BN254_SET, keyData };
    const args = [operator(1), bn254Set, keyData];
    expect(await chain.call(keys, 'getBN254KeyRegistrationMessageHash', args)).toBe(
      toHex(registrationDigest('BN254KeyRegistration', 'keyData', 'bytes', values)),
    );
  });

  test('error: refuses a signature that is not by this key, for this operator and this set', async () => {
    const invalid = 'InvalidSignature()';
    const wrongSet = [AVS, 9] as const;
    await expect(registerKey(1, bn254Set, bn254Proof(2, bn254Set, 1))).rejects.toThrow(invalid);
    await expect(registerKey(1, bn254Set, bn254Proof(1, wrongSet))).rejects.toThrow(invalid);
    const { signature } = bn254Proof(1, bn254Set, 2);
    await expect(registerKey(1, bn254Set, { ...bn254Proof(1, bn254Set), signature })).rejects.toThrow(
      invalid,
    );
    await expect(registerKey(1, ecdsaSet, ecdsaProof(2, ecdsaSet, 1))).rejects.toThrow(invalid);
    await expect(registerKey(1, ecdsaSet, ecdsaProof(1, wrongSet))).rejects.toThrow(invalid);
  });

  test('error: refuses a BN254 key whose halves do not belong together', async () => {
    const { g1 } = bn254.derivePublicKey(bn254Secret(1));
    const { X, Y } = g2ToWords(bn254.derivePublicKey(bn254Secret(2)).g2);
    const keyData = coder.encode(['uint256[6]'], [[...g1ToWords(g1), ...X, ...Y]]);
    const values = { operator: operator(1), avs: AVS, operatorSetId: BN254_SET, keyData };
    const digest = registrationDigest('BN254KeyRegistration', 'keyData', 'bytes', values);
    for (const secret of [bn254Secret(1), bn254Secret(2)]) {
      const signature = toHex(bn254.sign(secret, digest, 'solidity'));
      await expect(registerKey(1, bn254Set, { keyData, signature })).rejects.toThrow('InvalidSignature()');
    }
  });

  test('error: refuses a key that anyone has anywhere, and a second key', async () => {
    await registerKey(1, bn254Set);
    await registerKey(1, ecdsaSet);
    const taken = 'KeyAlreadyRegistered()';
    await expect(registerKey(2, bn254Set, bn254Proof(2, bn254Set, 1))).rejects.toThrow(taken);
    await expect(registerKey(2, ecdsaSet, ecdsaProof(2, ecdsaSet, 1))).rejects.toThrow(taken);
    await expect(registerKey(1, bn254Set, bn254Proof(1, bn254Set, 3))).rejects.toThrow(taken);
    const otherSet = [AVS, AGGREGATOR_SET] as const;
    await chain.send(AVS, keys, 'configureOperatorSet', [otherSet, CURVE_TYPE.bn254]);
    await expect(registerKey(1, otherSet, bn254Proof(1, otherSet))).rejects.toThrow(taken);
  });

  test('error: refuses malformed keys, sets without a curve, and strangers', async () => {
    const { signature } = ecdsaProof(1, ecdsaSet);
    const zeroKey = `0x${'00'.repeat(20)}`;
    await expect(registerKey(1, ecdsaSet, { keyData: '0x1234', signature })).rejects.toThrow(
      'InvalidKeyFormat()',
    );
    await expect(registerKey(1, ecdsaSet, { keyData: zeroKey, signature })).rejects.toThrow('ZeroPubkey()');
    const unset = [AVS, AGGREGATOR_SET] as const;
    await expect(registerKey(1, unset)).rejects.toThrow('OperatorSetNotConfigured()');
    const { keyData } = ecdsaProof(1, ecdsaSet);
    await expect(
      chain.send(OWNER, keys, 'registerKey', [operator(1), ecdsaSet, keyData, signature]),
    ).rejects.toThrow('InvalidPermissions()');
    await expect(chain.send(AVS, keys, 'configureOperatorSet', [ecdsaSet, 2])).rejects.toThrow(
      'ConfigurationAlreadySet()',
    );
  });

  test('behavior: a deregistered key is gone, still names its operator, and stays taken', async () => {
    await enlist([1, 2], bn254Set);
    await expect(chain.send(operator(1), keys, 'deregisterKey', [operator(1), bn254Set])).rejects.toThrow(
      'OperatorStillSlashable',
    );
    await leaveSet(1, bn254Set);
    expect(await chain.call(keys, 'isRegistered', [bn254Set, operator(1)])).toBe(false);
    const [g1] = await chain.call(keys, 'getBN254Key', [bn254Set, operator(1)]);
    expect([...g1]).toEqual([0n, 0n]);
    const point = g1ToWords(bn254.derivePublicKey(bn254Secret(1)).g1);
    const byKey = [bn254Set, coder.encode(['uint256', 'uint256'], point)];
    const named = await chain.call(keys, 'getOperatorFromSigningKey', byKey);
    expect([...named]).toEqual([checksummed([1])[0], false]);
    await expect(registerKey(1, bn254Set)).rejects.toThrow('KeyAlreadyRegistered()');
    await registerKey(1, bn254Set, bn254Proof(1, bn254Set, 100));
  });
});

describe('AllocationManager and the AVS registrar', () => {
  test('default: an operator joins with a key and a socket', async () => {
    await enlist([1], bn254Set);
    expect(await chain.call(allocations, 'isMemberOfOperatorSet', [operator(1), bn254Set])).toBe(true);
    expect(await chain.call(registrar, 'getOperatorSocket', [operator(1)])).toBe('operator-1:9090');
    await chain.send(operator(1), registrar, 'updateSocket', [operator(1), 'elsewhere:1']);
    expect(await chain.call(registrar, 'getOperatorSocket', [operator(1)])).toBe('elsewhere:1');
    await expect(chain.send(OWNER, registrar, 'updateSocket', [operator(1), 'x:1'])).rejects.toThrow(
      'CallerNotOperator()',
    );
  });

  test('behavior: who leaves is replaced by the last member', async () => {
    await enlist([1, 2, 3, 4], bn254Set);
    expect(await membersOf(bn254Set)).toEqual(checksummed([1, 2, 3, 4]));
    await leaveSet(2, bn254Set);
    expect(await membersOf(bn254Set)).toEqual(checksummed([1, 4, 3]));
    await leaveSet(3, bn254Set);
    expect(await membersOf(bn254Set)).toEqual(checksummed([1, 4]));
    expect(await chain.call(allocations, 'getMemberCount', [bn254Set])).toBe(2n);
    await expect(leaveSet(2, bn254Set)).rejects.toThrow('NotMemberOfSet()');
  });

  test('error: refuses strangers, unknown sets, second joins and members without keys', async () => {
    await expect(joinSet(1, bn254Set)).rejects.toThrow('InvalidOperator()');
    await becomeOperator(1);
    await expect(becomeOperator(1)).rejects.toThrow('ActivelyDelegated()');
    await expect(joinSet(1, bn254Set)).rejects.toThrow('KeyNotRegistered()');
    await expect(joinSet(1, [AVS, 99])).rejects.toThrow('InvalidOperatorSet()');
    await registerKey(1, bn254Set);
    await joinSet(1, bn254Set);
    await expect(joinSet(1, bn254Set)).rejects.toThrow('AlreadyMemberOfSet()');
    await expect(
      chain.send(OWNER, allocations, 'registerForOperatorSets', [operator(1), [AVS, [ECDSA_SET], '0x']]),
    ).rejects.toThrow('InvalidCaller()');
    await expect(chain.send(AVS, allocations, 'setStake', [operator(1), bn254Set, 1])).rejects.toThrow(
      'Ownable: caller is not the owner',
    );
  });

  test('behavior: an allowlist counts from its first entry', async () => {
    await enlist([1], bn254Set);
    await chain.send(AVS, registrar, 'addOperatorToAllowlist', [bn254Set, operator(3)]);
    await becomeOperator(2);
    await registerKey(2, bn254Set);
    await expect(joinSet(2, bn254Set)).rejects.toThrow('OperatorNotInAllowlist()');
    expect(await chain.call(registrar, 'isOperatorAllowed', [bn254Set, operator(3)])).toBe(true);
    expect(await chain.call(registrar, 'isOperatorAllowed', [ecdsaSet, operator(2)])).toBe(true);
  });

  test('default: the AVS config can be read and changed', async () => {
    const { events } = await chain.send(AVS, registrar, 'setAvsConfig', [[3, [BN254_SET]]]);
    expect(events.map((event) => event.name)).toEqual(['AvsConfigSet']);
    const config = await chain.call(registrar, 'getAvsConfig', []);
    expect([config.aggregatorOperatorSetId, [...config.executorOperatorSetIds]]).toEqual([3n, [1n]]);
    expect(await chain.call(registrar, 'supportsAVS', [AVS])).toBe(true);
    expect(await chain.call(registrar, 'supportsAVS', [OWNER])).toBe(false);
    expect(await chain.call(allocations, 'getAVSRegistrar', [OWNER])).toBe(
      coder.decode(['address'], coder.encode(['address'], [OWNER]))[0],
    );
  });
});

describe('tables', () => {
  const config = { owner: parseAddress(AVS), maxStalenessPeriodSeconds: 500 };
  const wholeTable = (id: number, curveType: number, table: Uint8Array) =>
    encodeOperatorTableBytes({ operatorSet: { avs: parseAddress(AVS), id }, curveType, config, table });
  const tableBytes = async (set: OperatorSetWords): Promise<string> =>
    chain.call(registry, 'calculateOperatorTableBytes', [set]);
  const bn254Crew = (numbers: readonly number[]) =>
    new Bn254Crew(
      bn254,
      numbers.map(bn254Secret),
      numbers.map((number) => [stakeOf(number)]),
    );
  const ecdsaCrew = (numbers: readonly number[]) =>
    new EcdsaCrew(
      tasks.ecdsaVerifier.address,
      numbers.map((number) => BigInt(toHex(ecdsaSecret(number)))),
      numbers.map((number) => [stakeOf(number)]),
    );

  /** Members 1 to 6, of whom 2 is key-less, 3 without stake and 4 deregistered: 6 has taken its place. */
  async function enlistWithGaps(set: OperatorSetWords): Promise<void> {
    await chain.send(AVS, registrar, 'setKeyRequired', [false]);
    for (const number of [1, 2, 3, 4, 5, 6]) {
      if (!(await chain.call(delegations, 'isOperator', [operator(number)]))) await becomeOperator(number);
      if (number !== 2) await registerKey(number, set);
      await joinSet(number, set);
      if (number !== 3) await setStake(number, set, stakeOf(number));
    }
    await leaveSet(4, set);
  }

  test('behavior: weights leave out who has no stake, infos show the key-less as holes', async () => {
    await enlistWithGaps(bn254Set);
    expect(await membersOf(bn254Set)).toEqual(checksummed([1, 2, 3, 6, 5]));
    const [operators, weights] = await chain.call(bn254Calculator, 'getOperatorSetWeights', [bn254Set]);
    expect([...operators]).toEqual(checksummed([1, 2, 6, 5]));
    expect(weights.map((words: bigint[]) => [...words])).toEqual([1, 2, 6, 5].map((n) => [stakeOf(n)]));
    const infos = await chain.call(bn254Calculator, 'getOperatorInfos', [bn254Set]);
    const { infos: leaves } = bn254Crew([1, 6, 5]);
    const [first, second, third] = leaves.map(operatorInfo);
    const shown = infos.map((info: { pubkey: bigint[]; weights: bigint[] }) => [
      [...info.pubkey],
      [...info.weights],
    ]);
    expect(shown).toEqual([first, [[0n, 0n], []], second, third]);
    const index = async (number: number) => [
      ...(await chain.call(bn254Calculator, 'getOperatorIndex', [bn254Set, operator(number)])),
    ];
    expect(await index(5)).toEqual([true, 2n]);
    expect(await index(2)).toEqual([false, 0n]);
    expect(await index(4)).toEqual([false, 0n]);
    const weightsOf = async (number: number) => [
      ...(await chain.call(bn254Calculator, 'getOperatorWeights', [bn254Set, operator(number)])),
    ];
    expect([await weightsOf(6), await weightsOf(3)]).toEqual([[stakeOf(6)], []]);
  });

  test('default: table bytes have no holes and are those that we encode', async () => {
    await enlistWithGaps(bn254Set);
    await enlistWithGaps(ecdsaSet);
    const present = [1, 6, 5];
    expect(await tableBytes(bn254Set)).toBe(
      toHex(wholeTable(BN254_SET, CURVE_TYPE.bn254, bn254Crew(present).table())),
    );
    expect(await tableBytes(ecdsaSet)).toBe(
      toHex(wholeTable(ECDSA_SET, CURVE_TYPE.ecdsa, ecdsaCrew(present).table())),
    );
  });

  test('behavior: an empty operator set has an empty table', async () => {
    const table = await chain.call(bn254Calculator, 'calculateOperatorTable', [bn254Set]);
    expect([BigInt(table.operatorInfoTreeRoot), table.numOperators, [...table.totalWeights]]).toEqual([
      0n,
      0n,
      [],
    ]);
    expect([...(await chain.call(ecdsaCalculator, 'calculateOperatorTable', [ecdsaSet]))]).toEqual([]);
  });

  test('behavior: after the transport the operator behind all gaps need not sign', async () => {
    await enlistWithGaps(bn254Set);
    await enlistWithGaps(ecdsaSet);
    const tables = [
      fromHex(parseHex(await tableBytes(bn254Set))),
      fromHex(parseHex(await tableBytes(ecdsaSet))),
    ];
    const referenceTimestamp = chain.nowSeconds;
    await transport(chain, tasks.updater, bn254, tables, {
      timestampSeconds: referenceTimestamp,
      blockNumber: 40,
    });
    const certified = { taskId: `0x${'12'.repeat(32)}`, output: Uint8Array.of(1), referenceTimestamp };
    const [bn254Certificate] = coder.decode(
      [
        'tuple(uint32,bytes32,tuple(uint256,uint256),tuple(uint256[2],uint256[2]),tuple(uint32,bytes,tuple(tuple(uint256,uint256),uint256[]))[])',
      ],
      encodeBn254Certificate(bn254Crew([1, 6, 5]).certify(certified, [0, 1])),
    );
    const signed = await chain.call(tasks.bn254Verifier, 'verifyCertificate', [bn254Set, bn254Certificate]);
    expect([...signed]).toEqual([stakeOf(7)]);
    const [ecdsaCertificate] = coder.decode(
      ['tuple(uint32,bytes32,bytes)'],
      encodeEcdsaCertificate(ecdsaCrew([1, 6, 5]).certify(certified, [0, 1])),
    );
    const [weights] = await chain.call(tasks.ecdsaVerifier, 'verifyCertificate', [
      ecdsaSet,
      ecdsaCertificate,
    ]);
    expect([...weights]).toEqual([stakeOf(7)]);
    expect(await chain.call(tasks.updater, 'getReferenceBlockNumberByTimestamp', [referenceTimestamp])).toBe(
      40n,
    );
    expect(await chain.call(tasks.updater, 'getReferenceTimestampByBlockNumber', [40])).toBe(
      BigInt(referenceTimestamp),
    );
    expect(await chain.call(tasks.updater, 'getLatestReferenceBlockNumber', [])).toBe(40n);
  });

  describe('OperatorTableUpdater', () => {
    const table = (id: number) => wholeTable(id, CURVE_TYPE.bn254, bn254Crew([1, 2]).table());
    const confirm = (
      root: Uint8Array,
      timestamp: number,
      certificate = certifyRoot(bn254, root, timestamp, 9),
    ) => chain.send(OWNER, tasks.updater, 'confirmGlobalTableRoot', [certificate, toHex(root), timestamp, 9]);
    const update = (
      timestamp: number,
      root: Uint8Array,
      index: number,
      proof: Uint8Array,
      bytes: Uint8Array,
    ) =>
      chain.send(OWNER, tasks.updater, 'updateOperatorTable', [
        timestamp,
        toHex(root),
        index,
        toHex(proof),
        toHex(bytes),
      ]);

    test('error: refuses roots of the future, of the past, and not certified by the generator', async () => {
      const { root } = merkleTree([globalTableLeaf(table(1))]);
      const now = chain.nowSeconds;
      await expect(confirm(root, now + 100)).rejects.toThrow('GlobalTableRootInFuture()');
      await expect(confirm(root, START - 1)).rejects.toThrow('GlobalTableRootStale()');
      const other = certifyRoot(bn254, new Uint8Array(32), now, 9);
      await expect(confirm(root, now, other)).rejects.toThrow('InvalidMessageHash()');
      const [timestamp, messageHash, , apk, witnesses] = certifyRoot(bn254, root, now, 9);
      const forged = [timestamp, messageHash, other[2], apk, witnesses];
      await expect(confirm(root, now, forged)).rejects.toThrow('VerificationFailed()');
      await confirm(root, now);
      await expect(confirm(root, now)).rejects.toThrow('GlobalTableRootStale()');
      expect(await chain.call(tasks.updater, 'getCurrentGlobalTableRoot', [])).toBe(toHex(root));
    });

    test('default: says what the generator signs', async () => {
      const args = [toHex(word(1)), START, 9];
      const messageHash = await chain.call(tasks.updater, 'getGlobalTableUpdateMessageHash', args);
      expect(messageHash).toBe(certifyRoot(bn254, word(1), START, 9)[1]);
      const generatorTimestamp = await chain.call(tasks.updater, 'getGeneratorReferenceTimestamp', []);
      expect(await chain.call(tasks.updater, 'getGlobalTableUpdateSignableDigest', args)).toBe(
        await chain.call(tasks.bn254Verifier, 'calculateCertificateDigest', [
          generatorTimestamp,
          messageHash,
        ]),
      );
    });

    test('error: refuses tables that the root does not prove', async () => {
      const tables = [table(1), table(2), table(3)];
      const tree = merkleTree(tables.map(globalTableLeaf));
      const timestamp = chain.nowSeconds;
      const [first = new Uint8Array(), second = new Uint8Array()] = tables;
      await expect(update(timestamp, tree.root, 0, tree.proof(0), first)).rejects.toThrow('InvalidRoot()');
      await confirm(tree.root, timestamp);
      const invalid = 'InvalidOperatorSetProof()';
      await expect(update(timestamp, tree.root, 1, tree.proof(0), first)).rejects.toThrow(invalid);
      await expect(update(timestamp, tree.root, 0, tree.proof(1), first)).rejects.toThrow(invalid);
      await expect(update(timestamp, tree.root, 0, tree.proof(0), second)).rejects.toThrow(invalid);
      await expect(update(timestamp - 1, tree.root, 0, tree.proof(0), first)).rejects.toThrow(
        'InvalidGlobalTableRoot()',
      );
      await update(timestamp, tree.root, 0, tree.proof(0), first);
      const owner = await chain.call(tasks.bn254Verifier, 'getOperatorSetOwner', [[AVS, 1]]);
      expect(owner.toLowerCase()).toBe(AVS);
    });

    test('behavior: the same table again is no error, an older one is', async () => {
      const tree = merkleTree([globalTableLeaf(table(1))]);
      const older = chain.nowSeconds;
      await confirm(tree.root, older);
      await update(older, tree.root, 0, tree.proof(0), table(1));
      const newer = chain.nowSeconds;
      await confirm(tree.root, newer);
      await update(newer, tree.root, 0, tree.proof(0), table(1));
      const { events } = await update(newer, tree.root, 0, new Uint8Array(), table(1));
      expect(events).toEqual([]);
      await expect(update(older - 1, tree.root, 0, tree.proof(0), table(1))).rejects.toThrow(
        'TableUpdateForPastTimestamp()',
      );
    });

    test('error: the generator has no table to update, and its root stays', async () => {
      const [avs, id] = await chain.call(tasks.updater, 'getGenerator', []);
      const operatorSet = { avs: parseAddress(avs), id: Number(id) };
      const bytes = encodeOperatorTableBytes({
        operatorSet,
        curveType: CURVE_TYPE.bn254,
        config,
        table: bn254Crew([1]).table(),
      });
      const tree = merkleTree([globalTableLeaf(bytes)]);
      const timestamp = chain.nowSeconds;
      await confirm(tree.root, timestamp);
      await expect(update(timestamp, tree.root, 0, tree.proof(0), bytes)).rejects.toThrow(
        'InvalidOperatorSet()',
      );
      await expect(chain.send(OWNER, tasks.updater, 'disableRoot', [toHex(word(5))])).rejects.toThrow(
        'InvalidRoot()',
      );
      const generatorRoot = await chain.call(tasks.updater, 'getGlobalTableRootByTimestamp', [1]);
      await expect(chain.send(OWNER, tasks.updater, 'disableRoot', [generatorRoot])).rejects.toThrow(
        'CannotDisableGeneratorRoot()',
      );
      await expect(chain.send(AVS, tasks.updater, 'disableRoot', [toHex(tree.root)])).rejects.toThrow(
        'Ownable: caller is not the owner',
      );
    });
  });
});

describe('CrossChainRegistry', () => {
  test('default: lists reservations in their order, and the chains with their updaters', async () => {
    const all = await chain.call(registry, 'getActiveGenerationReservations', []);
    expect(all.map(([, id]: [string, bigint]) => Number(id))).toEqual([BN254_SET, ECDSA_SET]);
    expect(await chain.call(registry, 'getActiveGenerationReservationCount', [])).toBe(2n);
    const range = await chain.call(registry, 'getActiveGenerationReservationsByRange', [1, 2]);
    expect(range.map(([, id]: [string, bigint]) => Number(id))).toEqual([ECDSA_SET]);
    const [chainIds, updaters] = await chain.call(registry, 'getSupportedChains', []);
    expect([[...chainIds], updaters[0].toLowerCase()]).toEqual([[31337n], TABLE_UPDATER]);
    const calculator: string = await chain.call(registry, 'getOperatorTableCalculator', [ecdsaSet]);
    expect(calculator.toLowerCase()).toBe(ecdsaCalculator.address);
    const config = await chain.call(registry, 'getOperatorSetConfig', [ecdsaSet]);
    expect(config.maxStalenessPeriod).toBe(500n);
  });

  test('error: refuses what is there already, unknown, or of another AVS', async () => {
    await expect(reserve(bn254Set, bn254Calculator)).rejects.toThrow('GenerationReservationAlreadyExists()');
    await expect(reserve([AVS, 99], bn254Calculator)).rejects.toThrow('InvalidOperatorSet()');
    await expect(reserve([AVS, AGGREGATOR_SET], bn254Calculator)).rejects.toThrow('KeyTypeNotSet()');
    await expect(reserve([OWNER, 1], bn254Calculator)).rejects.toThrow('InvalidPermissions()');
    const range = (start: number, end: number) =>
      chain.call(registry, 'getActiveGenerationReservationsByRange', [start, end]);
    await expect(range(2, 1)).rejects.toThrow('InvalidRange()');
    await expect(range(0, 3)).rejects.toThrow('InvalidEndIndex()');
    await expect(
      chain.send(OWNER, registry, 'addChainIDsToWhitelist', [[31337], [TABLE_UPDATER]]),
    ).rejects.toThrow('ChainIDAlreadyWhitelisted()');
  });
});

describe('every contract', () => {
  test('error: is initialized once', async () => {
    const again = 'Initializable: contract is already initialized';
    const anyPeers = [OWNER, OWNER];
    await expect(chain.send(OWNER, tasks.bn254Verifier, 'initialize', [OWNER])).rejects.toThrow(again);
    await expect(chain.send(OWNER, tasks.ecdsaVerifier, 'initialize', [OWNER])).rejects.toThrow(again);
    await expect(chain.send(OWNER, keys, 'initialize', [OWNER])).rejects.toThrow(again);
    await expect(chain.send(OWNER, registry, 'initialize', [OWNER, ...anyPeers])).rejects.toThrow(again);
    await expect(chain.send(OWNER, allocations, 'initialize', [OWNER, ...anyPeers])).rejects.toThrow(again);
    await expect(chain.send(OWNER, bn254Calculator, 'initialize', anyPeers)).rejects.toThrow(again);
  });
});

describe('ReleaseManager', () => {
  const release = (upgradeByTime: number) => [
    [[toHex(word(upgradeByTime)), 'registry.example/avs']],
    upgradeByTime,
  ];
  const publish = (upgradeByTime: number, from = AVS) =>
    chain.send(from, releases, 'publishRelease', [bn254Set, release(upgradeByTime)]);

  test('default: an older release is valid until a newer one must be in use', async () => {
    const soon = START + 1_000;
    await expect(chain.call(releases, 'getLatestRelease', [bn254Set])).rejects.toThrow('NoReleases()');
    await expect(publish(soon)).rejects.toThrow('MustPublishMetadataURI()');
    await chain.send(AVS, releases, 'publishMetadataURI', [bn254Set, 'https://example.org']);
    await publish(soon);
    await publish(soon + 1_000);
    await expect(publish(START - 1)).rejects.toThrow('InvalidUpgradeByTime()');
    await expect(publish(soon, OWNER)).rejects.toThrow('InvalidPermissions()');
    const [id, latest] = await chain.call(releases, 'getLatestRelease', [bn254Set]);
    expect([id, latest.upgradeByTime, latest.artifacts[0].registry]).toEqual([
      1n,
      BigInt(soon + 1_000),
      'registry.example/avs',
    ]);
    const isValid = (releaseId: number) => chain.call(releases, 'isValidRelease', [bn254Set, releaseId]);
    expect([await isValid(0), await isValid(1), await isValid(2)]).toEqual([true, true, false]);
    await chain.mine(soon + 1_000);
    expect([await isValid(0), await isValid(1)]).toEqual([false, true]);
  });
});
