/** Threat 27: the machine's clock is wrong, or is set while tasks are under way; deadlines are the chain's. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Aggregator } from '../../src/aggregator/aggregator.js';
import { chainId } from '../../src/base/brands.js';
import type { TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import { TASK_SLA_SECONDS } from '../../src/devnet/plan.js';
import { TaskStatus } from '../../src/protocol/enums.js';
import type { TaskSubmission } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { type AggregatorStore, createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { type AggregatorDevnet, aggregatorDevnet, BN254_SET } from '../support/aggregator-devnet.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { type LeapingClock, leapingClock } from '../support/leaping-clock.js';
import { stopMining } from '../support/stop-mining.js';
import { LONG_MS, until } from '../support/until.js';

const [L1, L2] = [31_337, 31_338];
const LIMIT_MS = 60_000;
const HOUR_MS = 3_600_000;

let world: AggregatorDevnet;
let clock: LeapingClock;
let store: AggregatorStore;
let aggregator: Aggregator | undefined;
/** Executors answer when it opens. */
let gate: Deferred<void>;
/** Calls that the aggregator has ended without an answer. */
let calls: { readonly hungUp: number };

beforeAll(async () => {
  world = await aggregatorDevnet();
}, 120_000);
afterAll(async () => {
  await world?.close();
}, LIMIT_MS);
beforeEach(() => {
  clock = leapingClock();
  store = createAggregatorStore(createMemoryStore());
  gate = deferred();
  // Of this test: calls of an earlier one may end late.
  const own = { hungUp: 0 };
  calls = own;
  for (const executor of world.executors) {
    executor.answer = async (submission, signal) => {
      signal.addEventListener('abort', () => {
        own.hungUp += 1;
      });
      await gate.promise;
      return executor.honest(submission);
    };
  }
});
afterEach(async () => {
  gate.resolve();
  await world.client(L1).request('evm_setIntervalMining', [1]);
  await aggregator?.close(0);
  aggregator = undefined;
  await world.reset();
}, LIMIT_MS);

async function start(): Promise<void> {
  aggregator = await world.startAggregator({ clock, store });
}
async function sent(chain: number): Promise<TaskCreatedEvent> {
  const [task] = await world.createTasks(chain, BN254_SET, ['0x07']);
  if (task === undefined) throw new Error('no task');
  const isAsked = () => world.executors.every(({ submissions }) => submissions.some(isOf(task)));
  await until('everybody is asked', isAsked, LONG_MS);
  return task;
}
const isOf = (task: TaskCreatedEvent) => (submission: TaskSubmission) =>
  submission.taskId === (task.taskId as string);
const logged = (task: TaskCreatedEvent, text: string) =>
  world.logged(({ message, fields }) => message.startsWith(text) && fields.taskId === task.taskId);
const stored = ({ taskId }: TaskCreatedEvent) => store.task({ chainId: chainId(L1), taskId });
const aboutClock = () =>
  world.log
    .filter(({ message }) => message.includes("this machine's clock"))
    .map(
      ({ level, message, fields }) => `${fields.chainId} ${level}: ${message.split(/ the chain's|,|;/)[0]}`,
    );

describe('a date that is wrong', () => {
  test.each([
    ['an hour ahead', HOUR_MS, 'ahead of'],
    ['an hour behind', -HOUR_MS, 'behind'],
  ])(
    'behavior: %s at the start, and mended while tasks are under way: told once each, and no task is cut short or kept',
    async (_what, stepMs, where) => {
      clock.step(stepMs);
      await start();
      expect(aboutClock().sort()).toEqual([
        `${L1} warn: this machine's clock is ${where}`,
        `${L2} warn: this machine's clock is ${where}`,
      ]);
      const tasks = [await sent(L1), await sent(L2)];
      clock.step(-stepMs);
      for (const id of [L1, L2]) {
        await world.logged(({ message, fields }) => message.endsWith('agree again') && fields.chainId === id);
      }
      expect(aboutClock()).toHaveLength(4);
      gate.resolve();
      for (const [index, task] of tasks.entries()) {
        await world.verifiedAt(index === 0 ? L1 : L2, task);
        await logged(task, 'task verified');
      }
    },
    LIMIT_MS,
  );
});

describe('a chain that stands still', () => {
  const paid = async () => {
    const payer = world.cast.aggregator.address;
    return world.client(L1).request('eth_getTransactionCount', [payer, 'latest']);
  };

  /** Resolves when the aggregator knows the last block: one that it hears of after a leap is a chain that goes on. */
  async function standStill(): Promise<number> {
    await stopMining(world.client(L1));
    const { number, timestampSeconds } = await world.client(L1).head();
    const isKnown = async () => (await store.cursor(chainId(L1)))?.number === number;
    await until('the aggregator knows the last block', isKnown, LONG_MS);
    return timestampSeconds;
  }
  const goOn = async (atSeconds: number) => {
    await world.client(L1).request('evm_setNextBlockTimestamp', [atSeconds]);
    await world.client(L1).request('evm_mine', []);
    await world.client(L1).request('evm_setIntervalMining', [1]);
  };

  test(
    'behavior: however long, it ends no task; going on where it stopped, as L2s do, it gets the result',
    async () => {
      await start();
      const task = await sent(L1);
      const stoppedAt = await standStill();
      clock.leap(10 * HOUR_MS);
      await until('nobody works on it', () => calls.hungUp === 4, LONG_MS);
      gate.resolve();
      expect(await stored(task)).toMatchObject({ status: 'processing' });
      expect(await world.status(L1, task)).toBe(TaskStatus.created);

      await goOn(stoppedAt + 1);
      await logged(task, "the chain goes on within the task's time");
      await world.verifiedAt(L1, task);
      await logged(task, 'task verified');
    },
    LIMIT_MS,
  );

  test(
    'error: when it goes on past the deadline the task has failed, and nothing was paid for it',
    async () => {
      await start();
      const before = await paid();
      const task = await sent(L1);
      await standStill();
      clock.leap(2 * TASK_SLA_SECONDS * 1_000);
      await until('nobody works on it', () => calls.hungUp === 4, LONG_MS);
      gate.resolve();
      expect(await stored(task)).toMatchObject({ status: 'processing' });
      await goOn(task.deadlineSeconds + 1);
      const { fields } = await logged(task, 'task failed');
      expect(fields.reason).toBe('the deadline of the task has passed');
      expect(await stored(task)).toMatchObject({ status: 'failed' });
      expect(await paid()).toBe(before);
    },
    LIMIT_MS,
  );
});
