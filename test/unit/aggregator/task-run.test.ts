import { describe, expect, test } from '@jest/globals';
import type { ChainContext } from '../../../src/aggregator/chain-context.js';
import { ChainTime } from '../../../src/aggregator/chain-time.js';
import { runTask, type TaskRunDependencies } from '../../../src/aggregator/task-run.js';
import { TaskTracker } from '../../../src/aggregator/tracker.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { HeadTracker } from '../../../src/chain/head-tracker.js';
import { TaskStatus } from '../../../src/protocol/enums.js';
import { createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { manualClock, settle } from '../../support/manual-clock.js';
import { newTask } from './world.js';

const silentChain = new PonosError('CHAIN_UNREACHABLE', { message: 'nobody answers' });

/** A task whose deadline is 100 s away, on a chain that tells nothing of it but its status. */
async function world(getTaskStatus: () => Promise<number>) {
  const clock = manualClock();
  const store = createAggregatorStore(createMemoryStore());
  const task = newTask();
  const head = {
    number: task.blockNumber,
    hash: task.blockHash,
    parentHash: task.blockHash,
    timestampSeconds: task.blockTimestampSeconds,
    baseFeePerGas: undefined,
  };
  await store.saveBlock(task.chainId, head, [task]);
  const mailbox = { getTaskStatus, getTaskInfo: () => Promise.reject(silentChain) };
  const chain = { time: new ChainTime(clock, new HeadTracker(), head), mailbox };
  const tracker = new TaskTracker(() => clock.nowMs());
  const dependencies = {
    clock,
    logger: silentLogger,
    store,
    tracker,
    chains: new Map([[task.chainId, chain as unknown as ChainContext]]),
    signers: new Map(),
  } as unknown as TaskRunDependencies;
  const stop = new AbortController();
  const ended = runTask(task, dependencies, stop.signal);
  await settle();
  return { clock, tracker, stop, ended, stored: () => store.task(task) };
}

describe('a task at its deadline', () => {
  test('behavior: it is completed when somebody else had its result verified', async () => {
    const { clock, ended, stored } = await world(async () => TaskStatus.verified);
    await clock.advance(100_000);
    await ended;
    expect(await stored()).toMatchObject({ status: 'completed', attempts: 0 });
  });

  test('error: otherwise it has failed, and the reason names what was in the way until then', async () => {
    const { clock, ended, stored, tracker } = await world(() => Promise.reject(silentChain));
    await clock.advance(100_000);
    await ended;
    expect(await stored()).toMatchObject({
      status: 'failed',
      reason: 'the deadline of the task has passed: nobody answers (after: seen)',
    });
    expect(tracker.totals.failedAfter.get('seen')).toBe(1);
    expect(clock.sleepers).toBe(0);
  });

  test('behavior: a node that stops leaves it as it is, to be taken up at the next start', async () => {
    const { stop, ended, stored, clock } = await world(async () => TaskStatus.verified);
    stop.abort(new PonosError('ABORTED', { message: 'the node is stopping' }));
    await ended;
    expect(await stored()).toMatchObject({ status: 'processing' });
    expect(clock.sleepers).toBe(0);
  });
});
