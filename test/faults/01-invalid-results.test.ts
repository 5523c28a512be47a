/** Threat 1: an executor sends results that are not one. They are dropped and counted; the others certify. */
import { describe, expect, test } from '@jest/globals';
import type { Rejection } from '../../src/aggregator/collect.js';
import { encodeG1 } from '../../src/crypto/bn254/points.js';
import { keccak256 } from '../../src/crypto/keccak.js';
import type {
  TaskResult,
  TaskSubmission,
} from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { BN254_SET, ECDSA_SET } from '../support/aggregator-devnet.js';
import { aggregatorStage, L1 } from '../support/aggregator-stage.js';
import { deferred } from '../support/deferred.js';
import type { ScriptedExecutor } from '../support/scripted-executor.js';

const stage = aggregatorStage();

interface Misdeed {
  readonly name: string;
  /** What is sent, made of what an honest executor would send. */
  readonly send: (
    honest: TaskResult,
    submission: TaskSubmission,
    self: ScriptedExecutor,
    other: ScriptedExecutor,
  ) => TaskResult | Promise<TaskResult>;
  readonly kind: Rejection['kind'];
  readonly reason: RegExp;
}

const ANOTHER_ID = `0x${'ab'.repeat(32)}`;
const ANOTHER_ADDRESS = `0x${'ab'.repeat(20)}`;
const changed = (bytes: Uint8Array, index: number) => {
  const copy = Buffer.from(bytes);
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
};

const OF_ANOTHER_REQUEST: readonly Misdeed[] = [
  {
    name: 'a result for another task',
    send: (honest) => ({ ...honest, taskId: ANOTHER_ID }),
    kind: 'another request',
    reason: /it is for another task/,
  },
  {
    name: 'a task id that is none',
    send: (honest) => ({ ...honest, taskId: `${honest.taskId}00` }),
    kind: 'another request',
    reason: /it is for another task/,
  },
  {
    name: "another operator's address",
    send: (honest, _submission, _self, other) => ({ ...honest, operatorAddress: other.operator.address }),
    kind: 'another request',
    reason: /it names another operator$/,
  },
  {
    name: "another operator's result as it is",
    send: (_honest, submission, _self, other) => other.honest(submission),
    kind: 'another request',
    reason: /it names another operator$/,
  },
  {
    name: 'another AVS',
    send: (honest) => ({ ...honest, avsAddress: ANOTHER_ADDRESS }),
    kind: 'another request',
    reason: /it names another AVS/,
  },
  {
    name: 'another operator set',
    send: (honest) => ({ ...honest, operatorSetId: honest.operatorSetId + 1 }),
    kind: 'another request',
    reason: /it names another operator set/,
  },
  {
    name: 'another version',
    send: (honest) => ({ ...honest, version: 2 }),
    kind: 'another request',
    reason: /it has version 2/,
  },
  {
    name: 'an output over 1.5 MiB',
    send: (_honest, submission, self) => self.honest(submission, 'x'.repeat(1.5 * 1024 * 1024 + 1)),
    kind: 'another request',
    reason: /its output has 1572865 bytes/,
  },
];

const BADLY_SIGNED: readonly Misdeed[] = [
  {
    name: 'a result signed for another task',
    send: async (honest, submission, self) => ({
      ...(await self.honest({ ...submission, taskId: ANOTHER_ID }, honest.output.toString())),
      taskId: honest.taskId,
    }),
    kind: 'bad signature',
    reason: /^the result signature/,
  },
  {
    name: 'a result signed for another table',
    send: (_honest, submission, self) =>
      self.honest({ ...submission, referenceTimestamp: submission.referenceTimestamp - 1 }),
    kind: 'bad signature',
    reason: /^the result signature/,
  },
  {
    name: 'an output that was not signed',
    send: (honest) => ({ ...honest, output: Buffer.from('something else') }),
    kind: 'bad signature',
    reason: /^the result signature/,
  },
  {
    name: "another operator's signatures",
    send: async (honest, submission, _self, other) => ({
      ...(await other.honest(submission, honest.output.toString())),
      operatorAddress: honest.operatorAddress,
    }),
    kind: 'bad signature',
    reason: /^the result signature/,
  },
  {
    name: "a right result with another operator's identity",
    send: async (honest, submission, _self, other) => ({
      ...honest,
      authSignature: (await other.honest(submission, honest.output.toString())).authSignature,
    }),
    kind: 'bad signature',
    reason: /^the auth signature/,
  },
  {
    name: 'its signatures in the wrong places',
    send: (honest) => ({
      ...honest,
      resultSignature: honest.authSignature,
      authSignature: honest.resultSignature,
    }),
    kind: 'bad signature',
    reason: /^the result signature/,
  },
  {
    name: 'a signature that is too short',
    send: (honest) => ({ ...honest, resultSignature: honest.resultSignature.subarray(1) }),
    kind: 'bad signature',
    reason: /malformed/,
  },
  {
    name: 'a signature with a byte too many',
    send: (honest) => ({ ...honest, authSignature: Buffer.concat([honest.authSignature, Buffer.alloc(1)]) }),
    kind: 'bad signature',
    reason: /malformed/,
  },
  {
    name: 'no signature',
    send: (honest) => ({ ...honest, resultSignature: Buffer.alloc(0) }),
    kind: 'bad signature',
    reason: /malformed/,
  },
  {
    name: 'a signature of zeros, which for BN254 is infinity',
    send: (honest) => ({ ...honest, resultSignature: Buffer.alloc(honest.resultSignature.length) }),
    kind: 'bad signature',
    reason: /malformed/,
  },
];

const OVER_BN254: readonly Misdeed[] = [
  {
    name: 'a point off the curve',
    send: (honest) => ({ ...honest, resultSignature: changed(honest.resultSignature, 63) }),
    kind: 'bad signature',
    reason: /malformed.*curve/,
  },
  {
    name: 'coordinates over the field',
    send: (honest) => ({ ...honest, resultSignature: Buffer.alloc(64, 0xff) }),
    kind: 'bad signature',
    reason: /malformed/,
  },
  {
    name: 'a point that nobody signed',
    send: (honest) => ({
      ...honest,
      resultSignature: Buffer.from(
        encodeG1(stage.world.bn254.hashToG1(keccak256(new Uint8Array()), 'solidity')),
      ),
    }),
    kind: 'bad signature',
    reason: /the result signature does not verify/,
  },
];

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const OVER_ECDSA: readonly Misdeed[] = [
  {
    name: 'a high s, which the contracts refuse',
    send: (honest) => {
      const signature = Buffer.from(honest.resultSignature);
      const s = BigInt(`0x${signature.subarray(32, 64).toString('hex')}`);
      signature.write((CURVE_ORDER - s).toString(16).padStart(64, '0'), 32, 'hex');
      signature[64] = signature[64] === 27 ? 28 : 27;
      return { ...honest, resultSignature: signature };
    },
    kind: 'bad signature',
    reason: /malformed/,
  },
  {
    name: 'a v of 0 or 1, which the contracts refuse',
    send: (honest) => {
      const signature = Buffer.from(honest.resultSignature);
      signature[64] = (signature[64] ?? 27) - 27;
      return { ...honest, resultSignature: signature };
    },
    kind: 'bad signature',
    reason: /malformed/,
  },
];

describe.each([
  ['BN254', BN254_SET, [...OF_ANOTHER_REQUEST, ...BADLY_SIGNED, ...OVER_BN254]],
  ['ECDSA', ECDSA_SET, [...OF_ANOTHER_REQUEST, ...BADLY_SIGNED, ...OVER_ECDSA]],
] as const)('threat 1, over %s', (_curve, set, misdeeds) => {
  test('behavior: every bad result is dropped with its reason and counted for its operator, and the others certify', async () => {
    const { world } = stage;
    const bad = stage.executor(3);
    const dropped = new Map(misdeeds.map(({ name }) => [name, deferred()]));
    bad.answer = async (submission) => {
      const misdeed = misdeeds.find(({ name }) => name === submission.payload.toString());
      const honest = await bad.honest(submission);
      return misdeed === undefined ? honest : misdeed.send(honest, submission, bad, stage.executor(0));
    };
    for (const index of [0, 1, 2]) {
      const good = stage.executor(index);
      good.answer = async (submission) => {
        await dropped.get(submission.payload.toString())?.promise;
        return good.honest(submission);
      };
    }
    const aggregator = await stage.start();
    const tasks = await world.createTasks(
      L1,
      set,
      misdeeds.map(({ name }) => name),
    );
    for (const [index, { name, reason }] of misdeeds.entries()) {
      const task = tasks[index];
      if (task === undefined) throw new Error('no task');
      const line = await stage.logged(task, 'a response was dropped');
      expect({ name, ...line.fields }).toMatchObject({
        name,
        operator: bad.operator.address,
        reason: expect.stringMatching(reason),
      });
      dropped.get(name)?.resolve();
    }
    for (const task of tasks) {
      await stage.logged(task, 'task verified');
      const certified = await stage.logged(task, 'task threshold met');
      expect(certified.fields.nonSigners).toContain(bad.operator.address);
    }
    const expected = new Map<string, number>();
    for (const { kind } of misdeeds) expected.set(kind, (expected.get(kind) ?? 0) + 1);
    expect(aggregator.totals.operators.get(bad.operator.address)).toEqual(expected);
    // A response that was dropped is not asked for again.
    expect(bad.submissions).toHaveLength(misdeeds.length);
  }, 60_000);
});

test('behavior: two operators whose wrong signatures cancel are both named, and neither counts', async () => {
  const { world } = stage;
  const difference = world.bn254.hashToG1(keccak256(new Uint8Array()), 'solidity');
  const cheats = [
    { executor: stage.executor(2), adds: true },
    { executor: stage.executor(3), adds: false },
  ];
  for (const { executor, adds } of cheats) {
    executor.answer = async (submission) => {
      const result = await executor.honest(submission);
      const point = world.bn254.parseSignature(result.resultSignature);
      const shifted = adds ? world.bn254.addG1([point, difference]) : world.bn254.subG1(point, difference);
      return { ...result, resultSignature: Buffer.from(encodeG1(shifted)) };
    };
  }
  const bothDropped = deferred();
  for (const index of [0, 1]) {
    const good = stage.executor(index);
    good.answer = async (submission) => {
      await bothDropped.promise;
      return good.honest(submission);
    };
  }
  const aggregator = await stage.start();
  const task = await stage.createTask(L1, BN254_SET, 'cancelling');
  for (const { executor } of cheats) {
    const { operator } = executor;
    await world.logged(
      ({ message, fields }) => message === 'a response was dropped' && fields.operator === operator.address,
    );
    expect(aggregator.totals.operators.get(operator.address)).toEqual(new Map([['bad signature', 1]]));
  }
  bothDropped.resolve();
  await stage.logged(task, 'task verified');
}, 60_000);
