/**
 * Operator tables with everything that can be wrong with them, against an aggregator as a process: one executor is
 * a real one, the others do what a test says.
 */
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ServerError, Status } from 'nice-grpc-common';
import { parseAddress, parseTaskId } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { freePorts } from '../../src/base/free-ports.js';
import { coreAddresses } from '../../src/config/known-chains.js';
import { encodeG1, type G1Point } from '../../src/crypto/bn254/points.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import { EXECUTOR_SETS, L1_CHAIN_ID, TASK_HOOK_ADDRESS } from '../../src/devnet/plan.js';
import { configureTasks, deregister, registerOperator, setStake } from '../../src/devnet/register.js';
import { resultAuthMessage } from '../../src/protocol/result.js';
import type {
  TaskResult,
  TaskSubmission,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { Administration } from '../support/administer.js';
import { answeringContract } from '../support/answering-contract.js';
import {
  BN254_SET,
  curveOf,
  type E2eNetwork,
  ECDSA_SET,
  openNetwork,
  type PublishedTask,
  type WantedTask,
} from '../support/e2e-network.js';
import { type ScriptedExecutor, scriptedExecutor } from '../support/scripted-executor.js';
import { LONG_MS, until } from '../support/until.js';
import { openWorkplace, type Workplace } from '../support/workplace.js';

const SETS = [BN254_SET, ECDSA_SET];
/** The example performer squares. */
const [PAYLOAD, OUTPUT] = ['0x07', '0x31'];
const BN254_ON_L1: WantedTask = { chain: 'L1', operatorSetId: BN254_SET, payload: PAYLOAD };
const ECDSA_ON_L1: WantedTask = { chain: 'L1', operatorSetId: ECDSA_SET, payload: PAYLOAD };
const BN254_ON_L2: WantedTask = { chain: 'L2', operatorSetId: BN254_SET, payload: PAYLOAD };
const ECDSA_ON_L2: WantedTask = { chain: 'L2', operatorSetId: ECDSA_SET, payload: PAYLOAD };
const ALL_KINDS = [BN254_ON_L1, ECDSA_ON_L1, BN254_ON_L2, ECDSA_ON_L2];
/** Longer than a task may take, so that one that expired is told of. */
const TEST_LIMIT_MS = 90_000;

let workplace: Workplace;
let network: E2eNetwork;
/** All but executor-1. The devnet knows the first four executors; 5 to 8 come when a test registers them. */
const scripted = new Map<string, ScriptedExecutor>();
const sockets = new Map<string, string>();

beforeAll(async () => {
  workplace = openWorkplace();
  const folder = path.join(workplace.folder, 'net');
  const ports = ['--l1-port', '--l2-port', '--executor-port', '--management-port'].flatMap((flag) => [
    flag,
    '0',
  ]);
  await workplace.succeed('devnet', 'up', '--dir', folder, ...ports);
  network = await openNetwork(workplace, folder, 8);
  await listen(network.devnet.executors.slice(1).map(({ socket }) => socket));
  await network.start(['aggregator', 'executor-1']);
  // Chosen when everybody else has his port.
  await listen((await freePorts(4)).map((port) => `127.0.0.1:${port}`));
}, TEST_LIMIT_MS);

/** The next executors of the cast listen there. */
async function listen(addresses: readonly string[]): Promise<void> {
  const { cast, bn254 } = network;
  // Both chains have their verifiers at the same addresses.
  const ecdsaVerifier = coreAddresses(L1_CHAIN_ID, {}).ecdsaCertificateVerifier;
  for (const socket of addresses) {
    const operator = found(cast.executors[scripted.size + 1]);
    const executor = scriptedExecutor({ operator, socket, bn254, ecdsaVerifier, curveOf });
    await executor.listen();
    scripted.set(operator.name, executor);
    sockets.set(operator.name, socket);
  }
}

afterAll(async () => {
  const codes = await network?.close();
  await Promise.all([...scripted.values()].map((executor) => executor.close()));
  await workplace.run('devnet', 'down', '--dir', network?.folder ?? '');
  const leftovers = workplace.leftovers();
  await workplace.close();
  expect({ codes, leftovers }).toEqual({ codes: [0, 0], leftovers: [] });
}, TEST_LIMIT_MS);

beforeEach(() => {
  for (const executor of scripted.values()) {
    executor.answer = (submission) => executor.honest(submission, OUTPUT);
    executor.submissions.length = 0;
  }
});

const found = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the test names somebody who is not there');
  return value;
};
const socketOf = (name: string) => found(sockets.get(name));
const script = (name: string) => found(scripted.get(name));
const operatorOf = (name: string) => found(network.cast.executors.find((operator) => operator.name === name));
const addressOf = (name: string) => operatorOf(name).address;
const refuse = () => Promise.reject(new ServerError(Status.PERMISSION_DENIED, 'not today'));
/** Names of the scripted executors that were asked to do a task. */
const askedFor = ({ created }: PublishedTask) =>
  [...scripted].flatMap(([name, { submissions }]) =>
    submissions.some(({ taskId }) => taskId === (created.taskId as string)) ? [name] : [],
  );

/** Ends the tasks and expects that exactly these operators of the table have certified them. */
async function expectSignedBy(
  tasks: readonly PublishedTask[],
  table: string[],
  signers: string[],
): Promise<void> {
  for (const task of tasks) {
    const ended = await network.end(task);
    expect(ended).toMatchObject({ status: 'verified', verifications: 1, result: OUTPUT });
    expect(ended.certifiedTimestamp).toBe(task.created.referenceTimestamp);
    expect(network.signers(task, ended, table)).toEqual(signers);
  }
}

async function setStakes(
  world: Administration,
  etherByName: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [name, ether] of Object.entries(etherByName)) {
    for (const setId of SETS) await setStake(world, operatorOf(name), setId, BigInt(ether) * 10n ** 18n);
  }
}

async function register(
  world: Administration,
  name: string,
  keys: 'with keys' | 'without keys' = 'with keys',
): Promise<void> {
  await network.rpc('L1', 'anvil_setBalance', [addressOf(name), '0x8ac7230489e80000']);
  await registerOperator(world, operatorOf(name), EXECUTOR_SETS, socketOf(name), keys);
}

const INITIAL_TABLE = ['executor-1', 'executor-2', 'executor-3', 'executor-4'];

describe('answers of a table without gaps', () => {
  test(
    'behavior: signatures that are wrong by amounts that cancel are both found, and the rest certify',
    async () => {
      const { bn254 } = network;
      const difference = bn254.derivePublicKey(0xd1ffn).g1;
      const tampering = ['executor-3', 'executor-4'];
      // All these answers come at the same time, so that batches have both of a pair.
      const wanted = Array.from({ length: 8 }, () => BN254_ON_L1);
      let missing = tampering.length * wanted.length;
      let release: () => void = () => undefined;
      const allReady = new Promise<void>((resolve) => {
        release = resolve;
      });
      for (const [index, name] of tampering.entries()) {
        script(name).answer = async (submission) => {
          const answer = await tampered(script(name), submission, (signature) =>
            index === 0 ? bn254.addG1([signature, difference]) : bn254.subG1(signature, difference),
          );
          missing -= 1;
          if (missing === 0) release();
          await allReady;
          return answer;
        };
      }
      // The threshold is not met before both were judged.
      const dropped = (name: string, taskId: string) =>
        network.logged('aggregator', 'a response was dropped', taskId, addressOf(name));
      script('executor-2').answer = async (submission) => {
        for (const name of tampering) await dropped(name, submission.taskId);
        return script('executor-2').honest(submission, OUTPUT);
      };

      const tasks = await network.create(wanted);
      await expectSignedBy(tasks, INITIAL_TABLE, ['executor-1', 'executor-2']);
      for (const { created } of tasks) {
        for (const name of tampering) {
          expect(await dropped(name, created.taskId)).toContain('the result signature does not verify');
        }
      }
    },
    TEST_LIMIT_MS,
  );

  test(
    'behavior: who answers another output is reported and is a non-signer',
    async () => {
      const liar = script('executor-4');
      liar.answer = (submission) => liar.honest(submission, '0x32');
      for (const name of ['executor-2', 'executor-3']) {
        script(name).answer = async (submission) => {
          await network.logged('aggregator', 'a response counts', submission.taskId, addressOf('executor-4'));
          return script(name).honest(submission, OUTPUT);
        };
      }

      const tasks = await network.create([BN254_ON_L1, ECDSA_ON_L2]);
      for (const task of tasks) {
        const ended = await network.end(task);
        expect(ended).toMatchObject({ status: 'verified', verifications: 1, result: OUTPUT });
        expect(network.signers(task, ended, INITIAL_TABLE)).not.toContain('executor-4');
        await network.logged(
          'aggregator',
          'an operator signed another output than the winning one',
          task.created.taskId,
          addressOf('executor-4'),
        );
      }
    },
    TEST_LIMIT_MS,
  );
});

describe('thresholds', () => {
  const setThresholds = (thresholdBips: number | undefined) =>
    network.administer(async ({ taskChains, cast }) => {
      const sets = EXECUTOR_SETS.map((set) => ({
        ...set,
        thresholdBips: thresholdBips ?? set.thresholdBips,
      }));
      for (const { chain, contracts } of taskChains)
        await configureTasks(chain, contracts, cast, systemClock, sets);
    });
  afterAll(() => setThresholds(undefined));

  test(
    'behavior: at 0 bips a single signature is enough',
    async () => {
      await setThresholds(0);
      for (const name of ['executor-2', 'executor-3', 'executor-4']) script(name).answer = refuse;
      const tasks = await network.create([BN254_ON_L1, ECDSA_ON_L2]);
      await expectSignedBy(tasks, INITIAL_TABLE, ['executor-1']);
    },
    TEST_LIMIT_MS,
  );

  test(
    'behavior: at 10000 bips everybody signs, or the task fails at the first refusal',
    async () => {
      await setThresholds(10_000);
      await expectSignedBy(await network.create([BN254_ON_L2, ECDSA_ON_L1]), INITIAL_TABLE, INITIAL_TABLE);

      script('executor-2').answer = refuse;
      for (const { created } of await network.create([BN254_ON_L1, ECDSA_ON_L2])) {
        const failed = await network.logged('aggregator', 'task failed', created.taskId);
        expect(failed).toContain('the threshold cannot be met any more');
        expect(failed).toContain(`${addressOf('executor-2')}: PERMISSION_DENIED: not today`);
      }
    },
    TEST_LIMIT_MS,
  );
});

describe("the AVS's hook", () => {
  test(
    'behavior: while it refuses the result nothing is sent, before and after a restart; when it accepts, the task is verified',
    async () => {
      const setHook = (code: unknown) => network.rpc('L1', 'anvil_setCode', [TASK_HOOK_ADDRESS, code]);
      const paid = () =>
        network.rpc('L1', 'eth_getTransactionCount', [network.cast.aggregator.address, 'latest']);
      const accepting = await network.rpc('L1', 'eth_getCode', [TASK_HOOK_ADDRESS, 'latest']);
      // NotWhileTheMarketIsClosed(77), which no ABI of a node has.
      const data = `0xc0ffee42${'4d'.padStart(64, '0')}`;
      const before = await paid();
      await network.administer(async ({ taskChains: [l1] }) => {
        const refusal = { validatePreTaskResultSubmission: { reverts: data } };
        await setHook(answeringContract(found(l1).contracts.taskHook.abi, refusal));
      });
      const [task] = await network.create([BN254_ON_L1]);
      const { taskId } = found(task).created;
      const refused = await network.logged('aggregator', "the AVS's hook refuses the result", taskId);
      expect(refused).toContain('0xc0ffee42');
      expect(refused).toContain(data);
      await network.kill('aggregator');
      await network.start(['aggregator']);
      await until(
        'it is refused anew',
        () => network.lines('aggregator', "the AVS's hook refuses the result", taskId).length > 1,
        LONG_MS,
      );
      expect(await paid()).toBe(before);

      await setHook(accepting);
      expect(await network.end(found(task))).toMatchObject({ status: 'verified', verifications: 1 });
      await network.logged('aggregator', 'task verified', taskId);
      expect(Number(await paid())).toBe(Number(before) + 1);
    },
    TEST_LIMIT_MS,
  );
});

describe('tables with gaps', () => {
  const TABLE = ['executor-1', 'executor-4', 'executor-6', 'executor-7'];

  // Members in their order: 1, 2 without stake, 4, 5 without a key, 6, 7.
  beforeAll(async () => {
    await network.administer(async (world) => {
      await deregister(world, operatorOf('executor-3'), SETS);
      await world.l1.send(world.cast.avs, world.contracts.avsRegistrar, 'setKeyRequired', [false]);
      await world.l1.settle(systemClock);
      await register(world, 'executor-5', 'without keys');
      await world.l1.settle(systemClock);
      await register(world, 'executor-6');
      await world.l1.settle(systemClock);
      await register(world, 'executor-7');
      // 1, 4 and 7 have two thirds of 120, any two of them too little; 5 would make it 220.
      const stakes = { 'executor-1': 30, 'executor-2': 0, 'executor-4': 30 };
      await setStakes(world, { ...stakes, 'executor-5': 100, 'executor-6': 40, 'executor-7': 20 });
    });
    await network.transport();
  }, TEST_LIMIT_MS);
  beforeEach(() => {
    script('executor-6').answer = refuse;
  });

  test(
    'behavior: without stake, without a key or deregistered before the transport nobody is asked; the operator behind them does not sign',
    async () => {
      const tasks = await network.create(ALL_KINDS);
      await expectSignedBy(tasks, TABLE, ['executor-1', 'executor-4', 'executor-7']);
      for (const task of tasks) expect(askedFor(task)).toEqual(['executor-4', 'executor-6', 'executor-7']);
    },
    TEST_LIMIT_MS,
  );

  test(
    'behavior: who is deregistered after the transport is in the table still, is asked and signs',
    async () => {
      await network.administer((world) => deregister(world, operatorOf('executor-1'), SETS));
      const tasks = await network.create(ALL_KINDS);
      await expectSignedBy(tasks, TABLE, ['executor-1', 'executor-4', 'executor-7']);
    },
    TEST_LIMIT_MS,
  );

  test(
    'behavior: a table that came after the task does not matter to it',
    async () => {
      await network.stop(['aggregator']);
      const tasks = await network.create([BN254_ON_L1, ECDSA_ON_L2]);
      await network.administer(async (world) => {
        await deregister(world, operatorOf('executor-7'), SETS);
        await world.l1.settle(systemClock);
        await register(world, 'executor-8');
        await setStakes(world, { 'executor-4': 10, 'executor-6': 20, 'executor-8': 70 });
      });
      const newer = await network.transport();
      await network.start(['aggregator']);

      await expectSignedBy(tasks, TABLE, ['executor-1', 'executor-4', 'executor-7']);
      for (const task of tasks) {
        expect(task.created.referenceTimestamp).toBeLessThan(newer);
        expect(askedFor(task)).toEqual(['executor-4', 'executor-6', 'executor-7']);
      }

      const [later] = await network.create([BN254_ON_L2]);
      expect(found(later).created.referenceTimestamp).toBe(newer);
      const ended = await network.end(found(later));
      expect(ended).toMatchObject({ status: 'verified', certifiedTimestamp: newer });
      expect(askedFor(found(later))).toEqual(['executor-4', 'executor-6', 'executor-8']);
    },
    TEST_LIMIT_MS,
  );
});

describe('tables that cannot certify', () => {
  test(
    'error: a task whose table was disabled fails before anybody is asked',
    async () => {
      await network.stop(['aggregator']);
      const tasks = await network.create([ECDSA_ON_L1, BN254_ON_L2]);
      const [referenceTimestamp] = tasks.map(({ created }) => created.referenceTimestamp);
      await network.administer(async ({ taskChains, cast }) => {
        for (const { chain, contracts } of taskChains) {
          const [root] = await chain.read(contracts.updater, 'getGlobalTableRootByTimestamp', [
            referenceTimestamp,
          ]);
          await chain.send(cast.owner, contracts.updater, 'disableRoot', [root]);
        }
      });
      await network.start(['aggregator']);
      await expectRefused(tasks, "the root of the task's operator table was disabled");
    },
    TEST_LIMIT_MS,
  );

  test(
    'error: a task on a table without any stake is refused',
    async () => {
      await network.administer((world) =>
        setStakes(world, { 'executor-4': 0, 'executor-6': 0, 'executor-8': 0 }),
      );
      await network.transport();
      await expectRefused(await network.create(ALL_KINDS), 'nobody with stake and a key is in it');
    },
    TEST_LIMIT_MS,
  );

  async function expectRefused(tasks: readonly PublishedTask[], reason: string): Promise<void> {
    for (const task of tasks) {
      expect(await network.logged('aggregator', 'task failed', task.created.taskId)).toContain(reason);
      expect(network.lines('aggregator', 'task sent', task.created.taskId)).toEqual([]);
      expect(askedFor(task)).toEqual([]);
    }
  }
});

/** An answer whose result signature is another point, vouched for by its true sender. */
async function tampered(
  executor: ScriptedExecutor,
  submission: TaskSubmission,
  change: (signature: G1Point) => G1Point,
): Promise<TaskResult> {
  const { bn254 } = network;
  const honest = await executor.honest(submission, OUTPUT);
  const resultSignature = encodeG1(change(bn254.parseSignature(honest.resultSignature)));
  const auth = resultAuthMessage({
    taskId: parseTaskId(submission.taskId),
    avs: parseAddress(submission.avsAddress),
    operator: executor.operator.address,
    operatorSetId: submission.operatorSetId,
    resultSignature,
  });
  const authSignature = bn254.sign(executor.operator.bn254Secret, keccak256(auth), 'plain');
  return {
    ...honest,
    resultSignature: Buffer.from(resultSignature),
    authSignature: Buffer.from(authSignature),
  };
}
