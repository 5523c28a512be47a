import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  type AnswerStore,
  Collector,
  type CollectorOptions,
  MAX_OUTPUT_BYTES,
  mismatch,
} from '../../../src/aggregator/collect.js';
import type { TaskPlan } from '../../../src/aggregator/task-plan.js';
import { Judge, type ResponseToVerify } from '../../../src/aggregator/verify/judge.js';
import { type Address, parseHash32 } from '../../../src/base/brands.js';
import { type Bn254, loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import type { TaskResult } from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { answerStore, honestAnswer, honestResult, operatorAddress, operatorOf, taskPlan } from './world.js';

let bn254: Bn254;
beforeAll(async () => {
  bn254 = await loadBn254();
});

/** The hash that a stored output has. */
const KEPT = parseHash32(`0x${'0e'.repeat(32)}`);

const verify = async (response: ResponseToVerify) => new Judge(bn254).judge([response])[0];

function collector(plan: TaskPlan, change: Partial<Pick<CollectorOptions, 'answers' | 'verify'>> = {}) {
  const stored: Address[] = [];
  const kept = answerStore();
  const record: AnswerStore['record'] = (operator, answer) => {
    stored.push(operator);
    return kept.record(operator, answer);
  };
  const answers = { ...kept, record };
  return { stored, collector: new Collector({ plan, nonePolicy: 'all', verify, answers, ...change }) };
}

describe('mismatch', () => {
  test('default: an honest response has none, however its addresses are spelled', () => {
    const plan = taskPlan(bn254, 'bn254', [1n, 1n]);
    const result = honestResult(bn254, plan, 0, '0x31');
    const upper = (text: string) => `0X${text.slice(2).toUpperCase()}`;
    const spelled = {
      ...result,
      taskId: upper(result.taskId),
      operatorAddress: upper(result.operatorAddress),
      avsAddress: upper(result.avsAddress),
    };
    expect(mismatch(plan, operatorOf(plan, 0), result)).toBeUndefined();
    expect(mismatch(plan, operatorOf(plan, 0), spelled)).toBeUndefined();
  });

  test.each<[string, Partial<TaskResult>]>([
    ['it has version 2', { version: 2 }],
    ['it has version 0', { version: 0 }],
    ['it is for another task', { taskId: `0x${'00'.repeat(32)}` }],
    ['it is for another task', { taskId: '' }],
    ['it names another operator', { operatorAddress: operatorAddress(1) }],
    ['it names another operator', { operatorAddress: 'me' }],
    ['it names another AVS', { avsAddress: operatorAddress(1) }],
    ['it names another operator set', { operatorSetId: 2 }],
    [`its output has ${MAX_OUTPUT_BYTES + 1} bytes`, { output: Buffer.alloc(MAX_OUTPUT_BYTES + 1) }],
  ])('behavior: "%s" is found', (reason, change) => {
    const plan = taskPlan(bn254, 'bn254', [1n, 1n]);
    expect(mismatch(plan, operatorOf(plan, 0), { ...honestResult(bn254, plan, 0, '0x31'), ...change })).toBe(
      reason,
    );
  });
});

describe.each(['bn254', 'ecdsa'] as const)('Collector over %s', (curve) => {
  test('default: answers count once they are verified and stored, and the threshold selects the winner', async () => {
    const plan = taskPlan(bn254, curve, [3n, 3n, 3n]);
    const { collector: c, stored } = collector(plan);
    expect(await c.accept(operatorOf(plan, 0), honestResult(bn254, plan, 0, '0x31'))).toBeUndefined();
    expect(c.tally(0, false).winner).toBeUndefined();
    expect(await c.accept(operatorOf(plan, 2), honestResult(bn254, plan, 2, '0x31'))).toBeUndefined();
    expect(stored).toEqual([operatorAddress(0), operatorAddress(2)]);
    const winner = c.tally(0, false).winner;
    expect(winner?.operatorIndexes).toEqual([0, 2]);
    expect(winner && Buffer.from(await c.output(winner.messageHash)).toString()).toBe('0x31');
  });

  test('behavior: an operator counts once, also when both its answers are under way', async () => {
    const plan = taskPlan(bn254, curve, [1n, 1n]);
    const { collector: c } = collector(plan);
    const [operator, result] = [operatorOf(plan, 0), honestResult(bn254, plan, 0, '0x31')];
    expect(await Promise.all([c.accept(operator, result), c.accept(operator, result)])).toEqual([
      undefined,
      { kind: 'repeated', reason: 'the operator has answered before' },
    ]);
    expect(await c.accept(operator, honestResult(bn254, plan, 0, '0x32'))).toMatchObject({
      kind: 'repeated',
    });
    expect(c.counted.size).toBe(1);
  });

  test('behavior: an answer with the signatures of another operator is dropped and not stored', async () => {
    const plan = taskPlan(bn254, curve, [1n, 1n]);
    const { collector: c, stored } = collector(plan);
    const stolen = { ...honestResult(bn254, plan, 1, '0x31'), operatorAddress: operatorAddress(0) };
    expect(await c.accept(operatorOf(plan, 0), stolen)).toMatchObject({
      kind: 'bad signature',
      reason: expect.stringMatching(/^the result signature/),
    });
    expect(stored).toEqual([]);
    expect(await c.accept(operatorOf(plan, 0), honestResult(bn254, plan, 0, '0x31'))).toBeUndefined();
  });

  test('behavior: an answer that another reference timestamp was signed for does not count', async () => {
    const plan = taskPlan(bn254, curve, [1n, 1n]);
    const earlier = { ...plan, task: { ...plan.task, referenceTimestamp: 800 } };
    const { collector: c } = collector(plan);
    expect(await c.restore(operatorOf(plan, 0), honestAnswer(bn254, earlier, 0, '0x31'), KEPT)).toMatchObject(
      {
        kind: 'bad signature',
      },
    );
  });

  test('behavior: a stored answer is taken up without being stored again', async () => {
    const plan = taskPlan(bn254, curve, [1n, 1n]);
    const { collector: c, stored } = collector(plan);
    expect(await c.restore(operatorOf(plan, 1), honestAnswer(bn254, plan, 1, '0x31'), KEPT)).toBeUndefined();
    expect(c.counted.size).toBe(1);
    expect(stored).toEqual([]);
  });

  test('error: an answer that cannot be stored does not count', async () => {
    const plan = taskPlan(bn254, curve, [1n]);
    const full = async () => {
      throw new Error('disk full');
    };
    const { collector: c } = collector(plan, { answers: { ...answerStore(), record: full } });
    const accepted = c.accept(operatorOf(plan, 0), honestResult(bn254, plan, 0, '0x31'));
    await expect(accepted).rejects.toThrow('disk full');
    expect(c.tally(0, true).winner).toBeUndefined();
  });
});

describe('Collector of long outputs', () => {
  test('behavior: however many different ones hostile executors give, no more than one is held in memory', async () => {
    const OPERATORS = 12;
    const weights = Array.from({ length: OPERATORS }, () => 1n);
    const plan = taskPlan(bn254, 'ecdsa', weights, { kind: 'threshold', bips: 10_000 });
    const answers = { ...answerStore(), record: async () => KEPT };
    const { collector: c } = collector(plan, { answers, verify: async () => undefined });
    const before = await heldBytes();
    for (const { index } of plan.operators) {
      const output = Buffer.alloc(MAX_OUTPUT_BYTES, index);
      await c.accept(operatorOf(plan, index), { ...honestResult(bn254, plan, index, ''), output });
    }
    expect(c.counted.size).toBe(OPERATORS);
    expect(((await heldBytes()) - before) / MAX_OUTPUT_BYTES).toBeLessThan(2);
    expect(c.tally(0, false).groups).toHaveLength(OPERATORS);
  });
});

/** Of buffers, which leave the memory some turns of the event loop after they were collected. */
async function heldBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  for (let turn = 0; turn < 3; turn += 1) {
    await setImmediate();
    collectGarbage();
  }
  return process.memoryUsage().arrayBuffers;
}

describe('Collector under consensus NONE', () => {
  const none = { kind: 'none' } as const;

  test('default: it waits for all, and the heaviest group wins', async () => {
    const plan = taskPlan(bn254, 'ecdsa', [1n, 5n, 1n], none);
    const { collector: c } = collector(plan);
    await c.accept(operatorOf(plan, 0), honestResult(bn254, plan, 0, 'a'));
    await c.accept(operatorOf(plan, 2), honestResult(bn254, plan, 2, 'a'));
    expect(c.tally(0, false).winner).toBeUndefined();
    await c.accept(operatorOf(plan, 1), honestResult(bn254, plan, 1, 'b'));
    expect(c.tally(0, false).winner?.operatorIndexes).toEqual([1]);
  });

  test('behavior: an operator that failed for good, or the last fifth of the time, ends the waiting', async () => {
    const plan = taskPlan(bn254, 'ecdsa', [1n, 5n, 1n], none);
    const { collector: c } = collector(plan);
    expect(c.tally(3, true).winner).toBeUndefined();
    await c.accept(operatorOf(plan, 0), honestResult(bn254, plan, 0, 'a'));
    await c.accept(operatorOf(plan, 2), honestResult(bn254, plan, 2, 'a'));
    expect(c.tally(1, false).winner?.operatorIndexes).toEqual([0, 2]);
    expect(c.tally(0, true).winner?.operatorIndexes).toEqual([0, 2]);
  });
});
