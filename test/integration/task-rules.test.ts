/** What decides which result is submitted, and whether it is: thresholds, none at all, and the AVS's hook. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Interface } from 'ethers';
import { ServerError, Status } from 'nice-grpc-common';
import type { Aggregator } from '../../src/aggregator/aggregator.js';
import { blockNumber, type Hash32, type TaskId } from '../../src/base/brands.js';
import { toHex } from '../../src/base/bytes.js';
import { explain } from '../../src/base/error.js';
import { createTaskMailbox, type TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import { TASK_HOOK_ADDRESS, TASK_SLA_SECONDS } from '../../src/devnet/plan.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import { taskMessageHash } from '../../src/protocol/result.js';
import type { NonePolicy } from '../../src/protocol/tally.js';
import { setTaskRules, type TaskRules } from '../support/administer.js';
import {
  type AggregatorDevnet,
  aggregatorDevnet,
  BN254_SET,
  ECDSA_SET,
} from '../support/aggregator-devnet.js';
import { answeringContract } from '../support/answering-contract.js';
import { LONG_MS, until } from '../support/until.js';

const [L1, L2] = [31_337, 31_338];
const LIMIT_MS = 60_000;

let world: AggregatorDevnet;
const running: Aggregator[] = [];

beforeAll(async () => {
  world = await aggregatorDevnet();
}, 120_000);
afterAll(async () => {
  await world?.close();
}, LIMIT_MS);
afterEach(async () => {
  await Promise.all(running.splice(0).map((aggregator) => aggregator.close(0)));
  await world.reset();
}, LIMIT_MS);

const rules = (wanted: TaskRules) => world.administer((admin) => setTaskRules(admin, wanted));
async function start(nonePolicy: NonePolicy = 'all'): Promise<void> {
  const change = (config: AggregatorDevnet['config']) => ({
    ...config,
    tasks: { ...config.tasks, nonePolicy },
  });
  running.push(await world.startAggregator({ change }));
}
async function createTask(chain: number, set: number, payload: string): Promise<TaskCreatedEvent> {
  const [task] = await world.createTasks(chain, set, [payload]);
  if (task === undefined) throw new Error('no task');
  return task;
}
const ofTask = ({ taskId }: TaskCreatedEvent, text: string) =>
  world.logged(({ message, fields }) => message.startsWith(text) && fields.taskId === taskId);
const countOf = ({ taskId }: TaskCreatedEvent, text: string) =>
  world.log.filter(({ message, fields }) => message.startsWith(text) && fields.taskId === taskId).length;
/** By the chain's clock, from its next block on: a time that tests waited for could not be long enough for a slow machine. */
const passSeconds = (chain: number, seconds: number) =>
  world.client(chain).request('evm_increaseTime', [seconds]);

/**
 * Stakes are 30, 25, 20 and 15 of 90 in the BN254 set, and the other way round in the ECDSA set. A task's payload
 * tells each executor in turn what to say; `!`: it refuses, `-`: it is silent for as long as anybody waits.
 */
function playThePayload(): void {
  for (const [index, executor] of world.executors.entries()) {
    executor.answer = (submission) => {
      const part = Buffer.from(submission.payload).toString()[index] ?? '-';
      if (part === '!') throw new ServerError(Status.PERMISSION_DENIED, 'not today');
      if (part === '-') return new Promise(() => undefined);
      return executor.honest(submission, part);
    };
  }
}

interface Play {
  readonly chain: number;
  readonly set: number;
  readonly payload: string;
  /** Undefined: the one of A and B with the lower message hash. */
  readonly winner: string | undefined;
}

interface Played extends Play {
  readonly task: TaskCreatedEvent;
}

/** Creates all the tasks at once. */
function create(plays: readonly Play[]): Promise<Played[]> {
  playThePayload();
  return Promise.all(
    plays.map(async (play) => ({ ...play, task: await createTask(play.chain, play.set, play.payload) })),
  );
}

/** What came of each task: the result, and how many seconds it took. */
function outcomes(
  played: readonly Played[],
): Promise<{ result: string; expected: string; tookSeconds: number }[]> {
  return Promise.all(
    played.map(async ({ chain, task, winner }) => {
      const client = world.client(chain);
      const verified = await client.block(blockNumber(await world.verifiedAt(chain, task)));
      const info = await createTaskMailbox(client, world.state.mailbox).getTaskInfo(task.taskId, 'latest');
      return {
        result: new TextDecoder().decode(info.result),
        expected: winner ?? lowerHash(task.taskId, 'A', 'B'),
        tookSeconds: (verified?.timestampSeconds ?? 0) - info.creationTimeSeconds,
      };
    }),
  );
}

function lowerHash(taskId: TaskId, one: string, other: string): string {
  const hash = (output: string) => toHex<Hash32>(taskMessageHash(taskId, Buffer.from(output)));
  return hash(one) < hash(other) ? one : other;
}

describe('a consensus without threshold', () => {
  /** More than any test may last. */
  const SLA_SECONDS = 300;
  beforeAll(() => rules({ consensus: 'none', slaSeconds: SLA_SECONDS }), LIMIT_MS);

  test(
    'default: policy all takes the heaviest group when all have answered, or in the last fifth of the time',
    async () => {
      await start('all');
      const played = await create([
        { chain: L1, set: BN254_SET, payload: 'ABCD', winner: 'A' },
        // Who refuses has answered.
        { chain: L2, set: BN254_SET, payload: 'AB!B', winner: 'B' },
        { chain: L1, set: ECDSA_SET, payload: 'AB!C', winner: 'C' },
        { chain: L2, set: BN254_SET, payload: 'ABBA', winner: undefined },
        { chain: L1, set: BN254_SET, payload: 'AB-A', winner: 'A' },
        { chain: L2, set: ECDSA_SET, payload: 'AB-B', winner: 'B' },
      ]);
      const [answered, unanswered] = [played.slice(0, 4), played.slice(4)];
      const atOnce = await outcomes(answered);
      await until(
        'all but the silent are counted',
        () => unanswered.every(({ task }) => countOf(task, 'a response counts') === 3),
        LONG_MS,
      );
      expect(unanswered.map(({ task }) => countOf(task, 'task threshold met'))).toEqual([0, 0]);
      const lastFifth = (SLA_SECONDS * 4) / 5;
      for (const chain of [L1, L2]) await passSeconds(chain, lastFifth);
      const atLast = await outcomes(unanswered);
      const done = [...atOnce, ...atLast];
      expect(done.map(({ result }) => result)).toEqual(done.map(({ expected }) => expected));
      expect(done.map(({ tookSeconds }) => tookSeconds >= lastFifth)).toEqual([
        ...[false, false, false, false],
        ...[true, true],
      ]);
    },
    LIMIT_MS,
  );

  test(
    'default: policy majority takes what over half of the weight says and waits for nobody else; half is not enough',
    async () => {
      await start('majority');
      const played = await create([
        { chain: L1, set: BN254_SET, payload: 'A-A-', winner: 'A' },
        { chain: L2, set: ECDSA_SET, payload: 'B-AA', winner: 'A' },
      ]);
      const done = await outcomes(played);
      expect(done.map(({ result }) => result)).toEqual(['A', 'A']);

      const task = await createTask(L1, BN254_SET, 'ABBA');
      const { fields } = await ofTask(task, 'task failed');
      expect(fields.reason).toMatch(/^no result has a majority of the weight \(different outputs: 0x/);
      for (const { operator } of world.executors) expect(fields.reason).toContain(operator.address);
      expect(await world.status(L1, task)).toBe(TaskStatus.created);
      // No aggregator of a later test shall find it alive.
      await passSeconds(L1, SLA_SECONDS);
    },
    LIMIT_MS,
  );

  test(
    'default: policy first takes the first result, whoever it is by',
    async () => {
      await start('first');
      const played = await create([
        { chain: L1, set: BN254_SET, payload: '---A', winner: 'A' },
        { chain: L2, set: ECDSA_SET, payload: 'A---', winner: 'A' },
      ]);
      const done = await outcomes(played);
      expect(done.map(({ result }) => result)).toEqual(['A', 'A']);
    },
    LIMIT_MS,
  );
});

describe("the AVS's hook", () => {
  const ERRORS = new Interface(['error NotWhileTheMarketIsClosed(uint256 opensAt)', 'error Error(string)']);
  const OWN_ERROR = ERRORS.encodeErrorResult('NotWhileTheMarketIsClosed', [77]);
  const SENTENCE = ERRORS.encodeErrorResult('Error', ['the market is closed']);
  const paid = async (chain: number) => {
    const payer = world.cast.aggregator.address;
    return Number(await world.client(chain).request('eth_getTransactionCount', [payer, 'latest']));
  };
  let accepting: unknown;

  const setHook = (chain: number, code: unknown) =>
    world.client(chain).request('anvil_setCode', [TASK_HOOK_ADDRESS, code]);
  const refuseResults = (chain: number, data: string) =>
    world.administer(async ({ taskChains: [first] }) => {
      if (first === undefined) throw new Error('no chain');
      const reverts = { validatePreTaskResultSubmission: { reverts: data } };
      await setHook(chain, answeringContract(first.contracts.taskHook.abi, reverts));
    });

  beforeAll(async () => {
    await rules({ consensus: 6_000 });
    accepting = await world.client(L1).request('eth_getCode', [TASK_HOOK_ADDRESS, 'latest']);
  }, LIMIT_MS);
  afterEach(async () => {
    for (const chain of [L1, L2]) await setHook(chain, accepting);
  });

  test(
    'behavior: refusing with an error of its own, or with nothing at all, it is asked anew each block; nothing is sent before it accepts',
    async () => {
      await refuseResults(L1, OWN_ERROR);
      await refuseResults(L2, '0x');
      await start();
      const refusals = [
        { chain: L1, set: BN254_SET, told: OWN_ERROR },
        { chain: L2, set: ECDSA_SET, told: 'without a reason' },
      ];
      await Promise.all(
        refusals.map(async ({ chain, set, told }) => {
          const before = await paid(chain);
          const task = await createTask(chain, set, 'x');
          const { fields } = await ofTask(task, "the AVS's hook refuses the result");
          expect(explain(fields.error)).toContain(told);
          const { number } = await world.client(chain).head();
          const goesOn = async () => (await world.client(chain).head()).number >= number + 2;
          await until('two blocks have come', goesOn, LONG_MS);
          expect([await paid(chain), await world.status(chain, task)]).toEqual([before, TaskStatus.created]);

          await setHook(chain, accepting);
          await world.verifiedAt(chain, task);
          await ofTask(task, 'task verified');
          expect(await paid(chain)).toBe(before + 1);
        }),
      );
      // Told once each, not at every block.
      const warnings = world.log.filter(({ message }) =>
        message.startsWith("the AVS's hook refuses the result"),
      );
      expect(warnings).toHaveLength(2);
    },
    LIMIT_MS,
  );

  test(
    'error: one that refuses until the deadline: nothing was sent, and the reason has its raw selector and data',
    async () => {
      const before = [await paid(L1), await paid(L2)];
      await refuseResults(L1, OWN_ERROR);
      await refuseResults(L2, SENTENCE);
      await start();
      for (const { chain, set, data } of [
        { chain: L1, set: ECDSA_SET, data: OWN_ERROR },
        { chain: L2, set: BN254_SET, data: SENTENCE },
      ]) {
        const task = await createTask(chain, set, 'x');
        await ofTask(task, "the AVS's hook refuses the result");
        await passSeconds(chain, TASK_SLA_SECONDS + 1);
        const { fields } = await ofTask(task, 'task failed');
        expect(fields.reason).toContain("the AVS's hook has refused the result until the deadline");
        expect(fields.reason).toContain(`selector ${data.slice(0, 10)}`);
        expect(fields.reason).toContain(`data ${data}`);
      }
      expect([await paid(L1), await paid(L2)]).toEqual(before);
    },
    LIMIT_MS,
  );
});
