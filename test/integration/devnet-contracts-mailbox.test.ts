/** The devnet's TaskMailbox: the life of a task, and every rule that ends it otherwise. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AbiCoder, keccak256, type LogDescription, ZeroAddress } from 'ethers';
import { parseAddress } from '../../src/base/brands.js';
import { toHex } from '../../src/base/bytes.js';
import { type Bn254, loadBn254 } from '../../src/crypto/bn254/bn254.js';
import { G1_INFINITY } from '../../src/crypto/bn254/points.js';
import { CURVE_TYPE } from '../../src/crypto/curve.js';
import { encodeBn254Certificate } from '../../src/protocol/bn254-certificate.js';
import { encodeEcdsaCertificate } from '../../src/protocol/ecdsa-certificate.js';
import { ConsensusType, TaskStatus } from '../../src/protocol/enums.js';
import { ContractChain, type Placed } from '../support/contract-chain.js';
import {
  ACCEPTING_HOOK,
  ADJUSTABLE_HOOK,
  OWNER,
  placeTaskContracts,
  type TaskContracts,
  transport,
} from '../support/contract-world.js';
import { Bn254Crew, type Certified, EcdsaCrew } from '../support/signing-crews.js';
import { encodeOperatorTableBytes } from '../support/table-bytes.js';

const AVS = '0x00000000000000000000000000000000000a0001';
const CREATOR = '0x00000000000000000000000000000000000c0001';
const AGGREGATOR = '0x00000000000000000000000000000000000a6601';
const FEE_COLLECTOR = '0x00000000000000000000000000000000000fee01';
const TOKEN = '0x0000000000000000000000000000000000701e40';

const START = 1_770_000_000;
const TABLE_TIMESTAMP = START + 100;
const STALENESS_SECONDS = 1_000;
const SLA_SECONDS = 60;

/** Executor operator sets of the AVS. */
const BN254_SET = 1;
const ECDSA_SET = 2;
const TWO_STAKES_SET = 3;

const PAYLOAD = '0x3078303039';
const OUTPUT = Uint8Array.from([0x51]);
const coder = AbiCoder.defaultAbiCoder();

let chain: ContractChain;
let bn254: Bn254;
let contracts: TaskContracts;
let token: Placed;
let adjustable: Placed;
let bn254Crew: Bn254Crew;
let twoStakesCrew: Bn254Crew;
let ecdsaCrew: EcdsaCrew;
let restore: () => Promise<void>;

function tables(stalenessSeconds: number): Uint8Array[] {
  const config = { owner: parseAddress(AVS), maxStalenessPeriodSeconds: stalenessSeconds };
  const tableOf = (id: number, curveType: number, table: Uint8Array) =>
    encodeOperatorTableBytes({ operatorSet: { avs: parseAddress(AVS), id }, curveType, config, table });
  return [
    tableOf(BN254_SET, CURVE_TYPE.bn254, bn254Crew.table()),
    tableOf(ECDSA_SET, CURVE_TYPE.ecdsa, ecdsaCrew.table()),
    tableOf(TWO_STAKES_SET, CURVE_TYPE.bn254, twoStakesCrew.table()),
  ];
}

interface ConfigChange {
  readonly hook?: string;
  readonly slaSeconds?: number;
  readonly feeToken?: string;
  readonly curveType?: number;
  readonly consensus?: readonly [number, string];
}
const threshold = (bips: number) =>
  [ConsensusType.stakeProportionThreshold, coder.encode(['uint16'], [bips])] as const;
const taskConfig = (change: ConfigChange = {}) => [
  change.hook ?? ACCEPTING_HOOK,
  change.slaSeconds ?? SLA_SECONDS,
  change.feeToken ?? ZeroAddress,
  change.curveType ?? CURVE_TYPE.bn254,
  change.feeToken === undefined ? ZeroAddress : FEE_COLLECTOR,
  change.consensus ?? threshold(6_000),
  '0x',
];
const configure = (id: number, change: ConfigChange = {}, from = AVS) =>
  chain.send(from, contracts.mailbox, 'setExecutorOperatorSetTaskConfig', [[AVS, id], taskConfig(change)]);

const taskParams = (id: number, payload = PAYLOAD) => [CREATOR, [AVS, id], payload] as const;
const create = (id: number, payload = PAYLOAD) =>
  chain.send(CREATOR, contracts.mailbox, 'createTask', [taskParams(id, payload)]);

const eventNamed = (events: readonly LogDescription[], name: string): LogDescription => {
  const event = events.find((candidate) => candidate.name === name);
  if (event === undefined) throw new Error(`no event ${name}`);
  return event;
};

async function createdTask(id: number): Promise<Certified> {
  const { events } = await create(id);
  const { taskHash, operatorTableReferenceTimestamp } = eventNamed(events, 'TaskCreated').args;
  return { taskId: taskHash, output: OUTPUT, referenceTimestamp: Number(operatorTableReferenceTimestamp) };
}

const submit = (task: Certified, certificate: Uint8Array, atSeconds?: number) =>
  chain.send(
    AGGREGATOR,
    contracts.mailbox,
    'submitResult',
    [task.taskId, toHex(certificate), toHex(task.output)],
    atSeconds,
  );
const byBn254 = (task: Certified, signers: readonly number[]) =>
  encodeBn254Certificate(bn254Crew.certify(task, signers));
const byEcdsa = (task: Certified, signers: readonly number[]) =>
  encodeEcdsaCertificate(ecdsaCrew.certify(task, signers));
const statusOf = async (task: Certified) =>
  Number(await chain.call(contracts.mailbox, 'getTaskStatus', [task.taskId]));

beforeAll(async () => {
  bn254 = await loadBn254();
  chain = await ContractChain.start(START);
  contracts = await placeTaskContracts(chain, bn254);
  token = await chain.place('DevnetToken', TOKEN);
  adjustable = await chain.place('AdjustableTaskHook', ADJUSTABLE_HOOK);
  bn254Crew = new Bn254Crew(bn254, [11n, 22n, 33n], [[50n], [30n], [20n]]);
  twoStakesCrew = new Bn254Crew(
    bn254,
    [44n, 55n],
    [
      [1n, 2n],
      [3n, 4n],
    ],
  );
  ecdsaCrew = new EcdsaCrew(contracts.ecdsaVerifier.address, [101n, 102n, 103n], [[50n], [30n], [20n]]);
  const at = { timestampSeconds: TABLE_TIMESTAMP, blockNumber: 7 };
  await transport(chain, contracts.updater, bn254, tables(STALENESS_SECONDS), at);
  await configure(BN254_SET);
  await configure(ECDSA_SET, { curveType: CURVE_TYPE.ecdsa });
  restore = await chain.snapshot();
}, 60_000);

beforeEach(() => restore());
afterAll(() => chain?.close());

describe('a task', () => {
  test('default: is announced with its id, its table and its deadline', async () => {
    const { events } = await create(BN254_SET);
    const created = eventNamed(events, 'TaskCreated').args;
    const hash = keccak256(
      coder.encode(
        ['uint256', 'address', 'uint256', 'tuple(address,tuple(address,uint32),bytes)'],
        [0, contracts.mailbox.address, 31337, taskParams(BN254_SET)],
      ),
    );
    expect(created.toObject()).toMatchObject({
      taskHash: hash,
      executorOperatorSetId: BigInt(BN254_SET),
      operatorTableReferenceTimestamp: BigInt(TABLE_TIMESTAMP),
      taskDeadline: BigInt(chain.nowSeconds + SLA_SECONDS),
      avsFee: 0n,
      payload: PAYLOAD,
    });
    const info = await chain.call(contracts.mailbox, 'getTaskInfo', [hash]);
    expect([info.status, info.creationTime, info.payload]).toEqual([
      BigInt(TaskStatus.created),
      BigInt(chain.nowSeconds),
      PAYLOAD,
    ]);
    expect(info.executorOperatorSetTaskConfig.taskSLA).toBe(BigInt(SLA_SECONDS));
  });

  test('default: is verified by a BN254 certificate with a non-signer', async () => {
    const task = await createdTask(BN254_SET);
    const certificate = byBn254(task, [0, 2]);
    const { events } = await submit(task, certificate);
    expect(eventNamed(events, 'TaskVerified').args.toObject()).toMatchObject({
      taskHash: task.taskId,
      executorCert: toHex(certificate),
      result: toHex(OUTPUT),
    });
    expect(await statusOf(task)).toBe(TaskStatus.verified);
    expect(await chain.call(contracts.mailbox, 'getTaskResult', [task.taskId])).toBe(toHex(OUTPUT));
  });

  test('default: is verified by an ECDSA certificate', async () => {
    const task = await createdTask(ECDSA_SET);
    await submit(task, byEcdsa(task, [0, 2]));
    expect(await statusOf(task)).toBe(TaskStatus.verified);
  });

  test('behavior: keeps the rules of its creation', async () => {
    const task = await createdTask(BN254_SET);
    await configure(BN254_SET, { consensus: threshold(10_000) });
    await submit(task, byBn254(task, [0, 2]));
    expect(await statusOf(task)).toBe(TaskStatus.verified);
  });

  test('behavior: keeps the table of its creation', async () => {
    const task = await createdTask(BN254_SET);
    const at = { timestampSeconds: chain.nowSeconds + 5, blockNumber: 8 };
    await transport(chain, contracts.updater, bn254, tables(STALENESS_SECONDS), at);
    await submit(task, byBn254(task, [0, 2]));
    expect(await statusOf(task)).toBe(TaskStatus.verified);
  });

  test('behavior: another like it has another id', async () => {
    expect((await createdTask(BN254_SET)).taskId).not.toBe((await createdTask(BN254_SET)).taskId);
  });
});

describe('creating a task', () => {
  test('error: needs a payload and a registered operator set', async () => {
    await expect(create(BN254_SET, '0x')).rejects.toThrow('PayloadIsEmpty()');
    await expect(create(99)).rejects.toThrow('ExecutorOperatorSetNotRegistered()');
    await chain.send(AVS, contracts.mailbox, 'registerExecutorOperatorSet', [[AVS, BN254_SET], false]);
    await expect(create(BN254_SET)).rejects.toThrow('ExecutorOperatorSetNotRegistered()');
  });

  test('error: refuses a table that would be stale by the deadline', async () => {
    const lastCreation = TABLE_TIMESTAMP + STALENESS_SECONDS - SLA_SECONDS;
    await chain.mine(lastCreation - 1);
    await create(BN254_SET);
    expect(chain.nowSeconds).toBe(lastCreation);
    await expect(create(BN254_SET)).rejects.toThrow('CertificateStale()');
  });

  test('behavior: a staleness of zero is no limit', async () => {
    const at = { timestampSeconds: chain.nowSeconds + 5, blockNumber: 8 };
    await transport(chain, contracts.updater, bn254, tables(0), at);
    await chain.mine(START + 1_000_000);
    const task = await createdTask(BN254_SET);
    await submit(task, byBn254(task, [0, 2]));
    expect(await statusOf(task)).toBe(TaskStatus.verified);
  });
});

describe('submitting a result', () => {
  let task: Certified;
  beforeEach(async () => {
    task = await createdTask(BN254_SET);
  });

  test('error: refuses the second of creation, as seen by a call at that head', async () => {
    const args = [task.taskId, toHex(byBn254(task, [0, 2])), toHex(OUTPUT)];
    const call = () => chain.call(contracts.mailbox, 'submitResult', args, AGGREGATOR);
    await expect(call()).rejects.toThrow('TimestampAtCreation()');
    await chain.mine();
    await call();
  });

  test('error: refuses tasks that are unknown, verified or expired', async () => {
    const certificate = byBn254(task, [0, 2]);
    await expect(submit({ ...task, taskId: `0x${'ab'.repeat(32)}` }, certificate)).rejects.toThrow(
      `InvalidTaskStatus(${TaskStatus.created}, ${TaskStatus.none})`,
    );
    await submit(task, certificate);
    await expect(submit(task, certificate)).rejects.toThrow(
      `InvalidTaskStatus(${TaskStatus.created}, ${TaskStatus.verified})`,
    );
  });

  test('behavior: the deadline itself is in time, a second later is not', async () => {
    const deadline = chain.nowSeconds + SLA_SECONDS;
    const certificate = byBn254(task, [0, 2]);
    const beforeDeadline = await chain.snapshot();
    await submit(task, certificate, deadline);
    expect(await statusOf(task)).toBe(TaskStatus.verified);
    await beforeDeadline();
    await expect(submit(task, certificate, deadline + 1)).rejects.toThrow(
      `InvalidTaskStatus(${TaskStatus.created}, ${TaskStatus.expired})`,
    );
    expect(await statusOf(task)).toBe(TaskStatus.expired);
    await expect(chain.call(contracts.mailbox, 'getTaskResult', [task.taskId])).rejects.toThrow(
      `InvalidTaskStatus(${TaskStatus.verified}, ${TaskStatus.expired})`,
    );
  });

  test('error: refuses weight below the threshold of the whole table', async () => {
    await expect(submit(task, byBn254(task, [0]))).rejects.toThrow('ThresholdNotMet()');
    await expect(submit(task, byBn254(task, [1, 2]))).rejects.toThrow('ThresholdNotMet()');
    const ecdsaTask = await createdTask(ECDSA_SET);
    await expect(submit(ecdsaTask, byEcdsa(ecdsaTask, [1, 2]))).rejects.toThrow('ThresholdNotMet()');
  });

  test('error: refuses a certificate for another time, result or task', async () => {
    const certify = (change: Partial<Certified>) => byBn254({ ...task, ...change }, [0, 2]);
    await expect(submit(task, certify({ referenceTimestamp: TABLE_TIMESTAMP - 1 }))).rejects.toThrow(
      'InvalidReferenceTimestamp()',
    );
    await expect(submit(task, certify({ output: Uint8Array.of(1) }))).rejects.toThrow('InvalidMessageHash()');
    await expect(submit(task, certify({ taskId: `0x${'ab'.repeat(32)}` }))).rejects.toThrow(
      'InvalidMessageHash()',
    );
    const ecdsaTask = await createdTask(ECDSA_SET);
    const late = byEcdsa({ ...ecdsaTask, referenceTimestamp: 5 }, [0]);
    await expect(submit(ecdsaTask, late)).rejects.toThrow('InvalidReferenceTimestamp()');
    const other = byEcdsa({ ...ecdsaTask, output: Uint8Array.of(1) }, [0]);
    await expect(submit(ecdsaTask, other)).rejects.toThrow('InvalidMessageHash()');
  });

  test('error: refuses a certificate without a signature', async () => {
    const unsigned = { ...bn254Crew.certify(task, [0, 2]), signature: G1_INFINITY };
    await expect(submit(task, encodeBn254Certificate(unsigned))).rejects.toThrow(
      'EmptyCertificateSignature()',
    );
    const ecdsaTask = await createdTask(ECDSA_SET);
    const empty = { ...ecdsaCrew.certify(ecdsaTask, [0]), sig: new Uint8Array() };
    await expect(submit(ecdsaTask, encodeEcdsaCertificate(empty))).rejects.toThrow(
      'EmptyCertificateSignature()',
    );
  });

  test('error: lets the verifier refuse the rest', async () => {
    const { signature } = bn254Crew.certify(task, [0]);
    const wrong = encodeBn254Certificate({ ...bn254Crew.certify(task, [0, 2]), signature });
    await expect(submit(task, wrong)).rejects.toThrow('VerificationFailed()');
    const root = await chain.call(contracts.updater, 'getCurrentGlobalTableRoot', []);
    await chain.send(OWNER, contracts.updater, 'disableRoot', [root]);
    await expect(submit(task, byBn254(task, [0, 2]))).rejects.toThrow('RootDisabled()');
  });

  test('error: refuses a table that has become stale, as a newer table may shorten the time', async () => {
    const at = { timestampSeconds: chain.nowSeconds + 5, blockNumber: 8 };
    await transport(chain, contracts.updater, bn254, tables(1), at);
    await expect(submit(task, byBn254(task, [0, 2]))).rejects.toThrow('CertificateStale()');
  });

  test('error: one threshold cannot judge several stake types', async () => {
    await configure(TWO_STAKES_SET);
    const twoStakes = await createdTask(TWO_STAKES_SET);
    const certificate = encodeBn254Certificate(twoStakesCrew.certify(twoStakes, [0, 1]));
    await expect(submit(twoStakes, certificate)).rejects.toThrow('ArrayLengthMismatch()');
  });

  test('behavior: without a threshold any valid certificate will do, several stake types too', async () => {
    const consensus = [ConsensusType.none, '0x'] as const;
    await configure(TWO_STAKES_SET, { consensus });
    await configure(ECDSA_SET, { consensus, curveType: CURVE_TYPE.ecdsa });
    const twoStakes = await createdTask(TWO_STAKES_SET);
    await submit(twoStakes, encodeBn254Certificate(twoStakesCrew.certify(twoStakes, [0])));
    const ecdsaTask = await createdTask(ECDSA_SET);
    await submit(ecdsaTask, byEcdsa(ecdsaTask, [2]));
    expect([await statusOf(twoStakes), await statusOf(ecdsaTask)]).toEqual([
      TaskStatus.verified,
      TaskStatus.verified,
    ]);
  });
});

describe('configuring an operator set', () => {
  const newSet = (change: ConfigChange) => configure(TWO_STAKES_SET, change);

  test('error: refuses a config without curve, hook or time, or with too much of it', async () => {
    const notSet = 'ExecutorOperatorSetTaskConfigNotSet()';
    await expect(newSet({ curveType: CURVE_TYPE.none })).rejects.toThrow(notSet);
    await expect(newSet({ hook: ZeroAddress })).rejects.toThrow(notSet);
    await expect(newSet({ slaSeconds: 0 })).rejects.toThrow(notSet);
    const most = Number(await chain.call(contracts.mailbox, 'MAX_TASK_SLA', []));
    await expect(newSet({ slaSeconds: most + 1 })).rejects.toThrow('TaskSLAExceedsMaximum()');
    await newSet({ slaSeconds: most });
  });

  test('error: refuses a consensus value that does not fit its type', async () => {
    const invalid = 'InvalidConsensusValue()';
    await expect(newSet({ consensus: [ConsensusType.none, '0x00'] })).rejects.toThrow(invalid);
    await expect(newSet({ consensus: [ConsensusType.stakeProportionThreshold, '0x'] })).rejects.toThrow(
      invalid,
    );
    await expect(newSet({ consensus: threshold(10_001) })).rejects.toThrow(invalid);
    await newSet({ consensus: threshold(0) });
  });

  test('error: only the owner that the transported table names may do it', async () => {
    await expect(configure(TWO_STAKES_SET, {}, CREATOR)).rejects.toThrow('InvalidOperatorSetOwner()');
    await expect(configure(99)).rejects.toThrow('InvalidOperatorSetOwner()');
    await expect(
      chain.send(CREATOR, contracts.mailbox, 'registerExecutorOperatorSet', [[AVS, BN254_SET], false]),
    ).rejects.toThrow('InvalidOperatorSetOwner()');
  });

  test('default: registers the operator set with its first config', async () => {
    const { events } = await newSet({});
    expect(events.map((event) => event.name)).toEqual([
      'ExecutorOperatorSetTaskConfigSet',
      'ExecutorOperatorSetRegistered',
    ]);
    expect((await newSet({})).events).toHaveLength(1);
  });
});

describe("the AVS's hook", () => {
  const stages = ['NEVER', 'BEFORE_CREATION', 'AFTER_CREATION', 'BEFORE_RESULT', 'AFTER_RESULT'];
  const refuse = (stage: string, fee = 0n) =>
    chain.send(AVS, adjustable, 'adjust', [stages.indexOf(stage), fee]);

  beforeEach(async () => {
    await configure(BN254_SET, { hook: ADJUSTABLE_HOOK, feeToken: TOKEN });
  });

  test.each([
    ['BEFORE_CREATION', 1],
    ['AFTER_CREATION', 2],
  ])('error: refuses a task %s', async (stage, number) => {
    await refuse(stage);
    await expect(create(BN254_SET)).rejects.toThrow(`Refused(${number})`);
  });

  test.each([
    ['BEFORE_RESULT', 3],
    ['AFTER_RESULT', 4],
  ])('error: refuses a result %s, and the task stays open', async (stage, number) => {
    const task = await createdTask(BN254_SET);
    await refuse(stage);
    await expect(submit(task, byBn254(task, [0, 2]))).rejects.toThrow(`Refused(${number})`);
    expect(await statusOf(task)).toBe(TaskStatus.created);
    await refuse('NEVER');
    await submit(task, byBn254(task, [0, 2]));
    expect(await statusOf(task)).toBe(TaskStatus.verified);
  });

  test('behavior: is asked before the certificate is looked at', async () => {
    const task = await createdTask(BN254_SET);
    await refuse('BEFORE_RESULT');
    await expect(submit(task, byBn254({ ...task, output: Uint8Array.of(1) }, [0]))).rejects.toThrow(
      'Refused(3)',
    );
  });

  test('behavior: its fee is taken at creation and split when the result is verified', async () => {
    await refuse('NEVER', 1_000n);
    await chain.send(CREATOR, token, 'mint', [CREATOR, 1_000n]);
    await chain.send(CREATOR, token, 'approve', [contracts.mailbox.address, 1_000n]);
    const balance = (holder: string) => chain.call(token, 'balanceOf', [holder]);
    const task = await createdTask(BN254_SET);
    expect([await balance(CREATOR), await balance(contracts.mailbox.address)]).toEqual([0n, 1_000n]);
    await submit(task, byBn254(task, [0, 2]));
    expect([await balance(OWNER), await balance(FEE_COLLECTOR)]).toEqual([100n, 900n]);
  });

  test('behavior: its fee comes back once, when the task has expired', async () => {
    await refuse('NEVER', 1_000n);
    await expect(create(BN254_SET)).rejects.toThrow('SafeERC20');
    await chain.send(CREATOR, token, 'mint', [CREATOR, 1_000n]);
    await chain.send(CREATOR, token, 'approve', [contracts.mailbox.address, 1_000n]);
    const task = await createdTask(BN254_SET);
    const refund = (from: string) => chain.send(from, contracts.mailbox, 'refundFee', [task.taskId]);
    await expect(refund(AVS)).rejects.toThrow('OnlyRefundCollector()');
    await expect(refund(CREATOR)).rejects.toThrow(
      `InvalidTaskStatus(${TaskStatus.expired}, ${TaskStatus.created})`,
    );
    await chain.mine(chain.nowSeconds + SLA_SECONDS + 1);
    const { events } = await refund(CREATOR);
    expect(eventNamed(events, 'FeeRefunded').args.avsFee).toBe(1_000n);
    expect(await chain.call(token, 'balanceOf', [CREATOR])).toBe(1_000n);
    await expect(refund(CREATOR)).rejects.toThrow('FeeAlreadyRefunded()');
  });
});
