import { beforeAll, describe, expect, test } from '@jest/globals';
import { ClientError, Status } from 'nice-grpc-common';
import { Collector, canStillWin } from '../../../src/aggregator/collect.js';
import { gather } from '../../../src/aggregator/gather.js';
import type { PlannedOperator, TaskPlan } from '../../../src/aggregator/task-plan.js';
import { Judge } from '../../../src/aggregator/verify/judge.js';
import { type Bn254, loadBn254 } from '../../../src/crypto/bn254/bn254.js';
import type { Consensus } from '../../../src/protocol/consensus.js';
import type { NonePolicy } from '../../../src/protocol/tally.js';
import type { ExecutorClient } from '../../../src/rpc/channel-pool.js';
import type { TaskResult } from '../../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { type Deferred, deferred } from '../../support/deferred.js';
import { manualClock, settle } from '../../support/manual-clock.js';
import { answerStore, honestResult, operatorAddress, taskPlan } from './world.js';

const none: Consensus = { kind: 'none' };
const half: Consensus = { kind: 'threshold', bips: 5_000 };

describe('canStillWin', () => {
  test.each<[Consensus, NonePolicy, bigint | undefined, number, bigint, boolean]>([
    [half, 'all', undefined, 2, 5n, true],
    [half, 'all', undefined, 2, 4n, false],
    [half, 'all', 3n, 1, 2n, true],
    [half, 'all', 3n, 1, 1n, false],
    [half, 'all', undefined, 0, 0n, false],
    // Zero bips still need one signature.
    [{ kind: 'threshold', bips: 0 }, 'all', undefined, 1, 1n, true],
    [{ kind: 'threshold', bips: 0 }, 'all', undefined, 0, 0n, false],
    [none, 'all', 1n, 0, 0n, true],
    [none, 'first', undefined, 1, 1n, true],
    [none, 'first', undefined, 0, 0n, false],
    [none, 'majority', 3n, 1, 2n, false],
    [none, 'majority', 3n, 1, 3n, true],
  ])(
    'default: %j under %s, heaviest %p, %i outstanding with %p: %p',
    (consensus, policy, heaviest, count, weight, expected) => {
      expect(canStillWin({ consensus, totalWeight: 10n }, policy, heaviest, { count, weight })).toBe(
        expected,
      );
    },
  );
});

describe('gather', () => {
  let bn254: Bn254;
  beforeAll(async () => {
    bn254 = await loadBn254();
  });

  /** Operators answer when the test says so; weights 3, 3, 3 and a threshold of two thirds by default. */
  function world(
    options: { plan?: TaskPlan; quorumWindowMs?: number; cached?: number[]; nonePolicy?: NonePolicy } = {},
  ) {
    const plan = options.plan ?? taskPlan(bn254, 'ecdsa', [3n, 3n, 3n]);
    const nonePolicy = options.nonePolicy ?? 'all';
    const clock = manualClock();
    const stop = new AbortController();
    const lastFifth = deferred();
    const answers = plan.operators.map((): Deferred<TaskResult | Error> => deferred<TaskResult | Error>());
    const hungUp: number[] = [];
    const events: string[] = [];
    const collector = new Collector({
      plan,
      nonePolicy,
      verify: async (response) => new Judge(bn254).judge([response])[0],
      answers: answerStore(),
    });
    const client = (index: number): Pick<ExecutorClient, 'submitTask'> => ({
      submitTask: async (_submission, call) => {
        const aborted = new Promise<Error>((resolve) => {
          call?.signal?.addEventListener('abort', () => {
            hungUp.push(index);
            resolve(new Error('hung up'));
          });
        });
        const answer = await Promise.race([answers[index]?.promise, aborted]);
        if (answer instanceof Error || answer === undefined) throw answer;
        return answer;
      },
    });
    const askedFor: number[][] = [];
    const cachedOf = (nonSigners: readonly PlannedOperator[]) => {
      askedFor.push(nonSigners.map(({ index }) => index));
      return new Set(options.cached);
    };
    const result = gather(
      {
        plan,
        collector,
        nonePolicy,
        quorumWindow: options.quorumWindowMs
          ? { lengthMs: options.quorumWindowMs, cached: async (nonSigners) => cachedOf(nonSigners) }
          : undefined,
        chainTime: {
          until: (_seconds, signal) =>
            new Promise((resolve, reject) => {
              lastFifth.promise.then(resolve);
              signal.addEventListener('abort', () => reject(signal.reason));
            }),
        },
        distribution: {
          aggregator: operatorAddress(99),
          sign: async () => new Uint8Array(65),
          clock,
          connect: async ({ index }) => client(index) as ExecutorClient,
          hasMoved: async () => false,
        },
        report: {
          counted: ({ index }) => events.push(`${index} counted`),
          dropped: ({ index }, { reason }) => events.push(`${index} dropped: ${reason}`),
          callFailed: ({ index }, reason) => events.push(`${index} failed: ${reason}`),
        },
      },
      stop.signal,
    );
    result.catch(() => undefined);
    const answer = async (index: number, output: string) => {
      answers[index]?.resolve(honestResult(bn254, plan, index, output));
      await settle();
    };
    const refuse = async (index: number) => {
      answers[index]?.resolve(new ClientError('/x', Status.PERMISSION_DENIED, 'no'));
      await settle();
    };
    return {
      askedFor,
      plan,
      clock,
      stop,
      lastFifth,
      answers,
      hungUp,
      events,
      collector,
      result,
      answer,
      refuse,
    };
  }

  test('default: it ends when the threshold is met, and hangs up on who has not answered', async () => {
    const w = world();
    await settle();
    await w.answer(0, 'x');
    await w.answer(2, 'x');
    expect((await w.result).operatorIndexes).toEqual([0, 2]);
    expect(w.hungUp).toContain(1);
    expect(w.events).toEqual(['0 counted', '2 counted']);
  });

  test('behavior: in the quorum window later signatures still come into the certificate', async () => {
    const w = world({ quorumWindowMs: 500 });
    await settle();
    await w.answer(0, 'x');
    await w.answer(2, 'x');
    await w.answer(1, 'x');
    expect((await w.result).operatorIndexes).toEqual([0, 1, 2]);
    expect(w.clock.sleepers).toBe(0);
  });

  test('behavior: the quorum window ends by time', async () => {
    const w = world({ quorumWindowMs: 500 });
    await settle();
    await w.answer(0, 'x');
    await w.answer(2, 'x');
    await w.clock.advance(500);
    expect((await w.result).operatorIndexes).toEqual([0, 2]);
  });

  test('behavior: the quorum window ends with the time for collecting, so that no deadline is missed', async () => {
    const w = world({ quorumWindowMs: 3_600_000 });
    await settle();
    await w.answer(0, 'x');
    await w.answer(2, 'x');
    w.lastFifth.resolve();
    expect((await w.result).operatorIndexes).toEqual([0, 2]);
    expect(w.clock.sleepers).toBe(0);
  });

  test('behavior: nobody waits for an operator whose witness is paid for already', async () => {
    const w = world({ quorumWindowMs: 3_600_000, cached: [1] });
    await settle();
    await w.answer(0, 'x');
    await w.answer(2, 'x');
    expect((await w.result).operatorIndexes).toEqual([0, 2]);
    expect(w.askedFor).toEqual([[1]]);
    expect(w.clock.sleepers).toBe(0);
  });

  test('behavior: nobody waits when no answer can come any more', async () => {
    const w = world({ quorumWindowMs: 3_600_000 });
    await settle();
    await w.refuse(1);
    await w.answer(0, 'x');
    await w.answer(2, 'x');
    expect((await w.result).operatorIndexes).toEqual([0, 2]);
    expect(w.askedFor).toEqual([[1]]);
    expect(w.clock.sleepers).toBe(0);
  });

  test('behavior: nobody asks the verifier when everybody has signed', async () => {
    const w = world({
      plan: taskPlan(bn254, 'ecdsa', [1n, 1n], { kind: 'threshold', bips: 10_000 }),
      quorumWindowMs: 9,
    });
    await settle();
    await w.answer(0, 'x');
    await w.answer(1, 'x');
    expect((await w.result).operatorIndexes).toEqual([0, 1]);
    expect(w.askedFor).toEqual([]);
  });

  test('behavior: of several missing operators it waits for those who would cost, until they answer or refuse', async () => {
    const plan = taskPlan(bn254, 'ecdsa', [9n, 1n, 1n, 1n]);
    const w = world({ plan, quorumWindowMs: 3_600_000, cached: [3] });
    await settle();
    await w.answer(0, 'x');
    await w.answer(1, 'x');
    expect(w.hungUp).toEqual([]);
    await w.refuse(2);
    expect((await w.result).operatorIndexes).toEqual([0, 1]);
    expect(w.askedFor).toEqual([[1, 2, 3]]);
    expect(w.hungUp).toContain(3);
  });

  test('error: a stop in the quorum window ends it with the reason', async () => {
    const w = world({ quorumWindowMs: 3_600_000 });
    await settle();
    await w.answer(0, 'x');
    await w.answer(2, 'x');
    w.stop.abort(new Error('deadline'));
    await expect(w.result).rejects.toMatchObject({ code: 'ABORTED' });
    expect(w.clock.sleepers).toBe(0);
  });

  test('behavior: a response with the wrong signatures is dropped, named, and takes its operator out', async () => {
    const w = world();
    await settle();
    const stolen = { ...honestResult(bn254, w.plan, 1, 'x'), operatorAddress: operatorAddress(0) };
    w.answers[0]?.resolve(stolen);
    await settle();
    expect(w.events[0]).toMatch(/^0 dropped: the result signature is by another key/);
    await w.answer(1, 'x');
    await w.answer(2, 'x');
    expect((await w.result).operatorIndexes).toEqual([1, 2]);
  });

  test('error: when no group can win any more it fails at once and names every reason', async () => {
    const w = world();
    await settle();
    await w.answer(0, 'x');
    await w.refuse(1);
    await w.answer(2, 'y');
    const error: unknown = await w.result.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TASK_REFUSED' });
    const { message } = error as Error;
    expect(message).toMatch(
      /^the threshold cannot be met any more \(different outputs: 0x[0-9a-f]{8} by \S+, 0x[0-9a-f]{8} by \S+; /,
    );
    for (const index of [0, 2]) expect(message).toContain(` by ${operatorAddress(index)}`);
    expect(message).toContain(`; ${operatorAddress(1)}: PERMISSION_DENIED: no)`);
  });

  test('behavior: under consensus NONE the last fifth of the time ends the waiting', async () => {
    const w = world({ plan: taskPlan(bn254, 'ecdsa', [3n, 3n, 3n], none) });
    await settle();
    await w.answer(1, 'x');
    w.lastFifth.resolve();
    expect((await w.result).operatorIndexes).toEqual([1]);
  });

  test.each<[NonePolicy, string]>([
    ['all', 'nobody has given a result'],
    ['first', 'nobody has given a result'],
    ['majority', 'no result has a majority of the weight'],
  ])(
    'error: under policy %s, when everybody refuses, it ends with "%s" and why',
    async (nonePolicy, reason) => {
      const w = world({ plan: taskPlan(bn254, 'ecdsa', [1n, 9n], none), nonePolicy });
      await settle();
      for (const index of [0, 1]) await w.refuse(index);
      const why = `${operatorAddress(0)}, ${operatorAddress(1)}: PERMISSION_DENIED: no`;
      await expect(w.result).rejects.toMatchObject({ code: 'TASK_REFUSED', message: `${reason} (${why})` });
    },
  );

  test('behavior: under policy first the first answer wins', async () => {
    const w = world({ plan: taskPlan(bn254, 'ecdsa', [1n, 9n], none), nonePolicy: 'first' });
    await settle();
    await w.answer(0, 'x');
    expect((await w.result).operatorIndexes).toEqual([0]);
  });

  test('error: aborting ends it with the reason, and no call stays', async () => {
    const w = world();
    await settle();
    w.stop.abort(new Error('deadline'));
    await expect(w.result).rejects.toMatchObject({ code: 'ABORTED' });
    expect(w.hungUp.sort()).toEqual([0, 1, 2]);
  });
});
