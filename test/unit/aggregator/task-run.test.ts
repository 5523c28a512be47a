import { describe, expect, test } from '@jest/globals';
import type { ChainContext } from '../../../src/aggregator/chain-context.js';
import { ChainTime } from '../../../src/aggregator/chain-time.js';
import { runTask, type TaskRunDependencies } from '../../../src/aggregator/task-run.js';
import { TaskTracker } from '../../../src/aggregator/tracker.js';
import { blockNumber, parseHash32 } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { HeadTracker } from '../../../src/chain/head-tracker.js';
import { TaskStatus } from '../../../src/protocol/enums.js';
import { createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { manualClock, settle } from '../../support/manual-clock.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';
import { newTask } from './world.js';

const silentChain = new PonosError('CHAIN_UNREACHABLE', { message: 'nobody answers' });

/** A task whose deadline is 100 s away, on a chain that tells nothing of it but its status. */
async function world(getTaskStatus: () => Promise<number>, fails: (read: number) => boolean = () => false) {
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
  const heads = new HeadTracker();
  heads.update(head);
  const chain = { time: new ChainTime(clock, heads, head), mailbox };
  const tracker = new TaskTracker(clock);
  const lines: LogLine[] = [];
  let reads = 0;
  const readTask: typeof store.task = async (key) => {
    reads += 1;
    if (fails(reads)) throw new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' });
    return store.task(key);
  };
  const dependencies = {
    clock,
    logger: recordingLogger(lines),
    store: { ...store, task: readTask },
    tracker,
    chains: new Map([[task.chainId, chain as unknown as ChainContext]]),
    signers: new Map(),
  } as unknown as TaskRunDependencies;
  const stop = new AbortController();
  const slot = { isLeft: false };
  const leaveSlot = () => {
    slot.isLeft = true;
  };
  const ended = runTask(task, dependencies, stop.signal, leaveSlot);
  await settle();
  /** A block of this many seconds after the task's. */
  const mine = async (afterSeconds: number) => {
    const number = blockNumber(head.number + afterSeconds);
    const hash = parseHash32(`0x${afterSeconds.toString(16).padStart(64, '0')}`);
    heads.update({ ...head, number, hash, timestampSeconds: head.timestampSeconds + afterSeconds });
    await settle();
  };
  return { clock, tracker, lines, stop, ended, mine, slot, stored: () => store.task(task) };
}

describe('a task whose turn comes while the store cannot be read', () => {
  test('behavior: it is worked on as soon as that is possible, and not forgotten', async () => {
    const { clock, ended, mine, lines, stored } = await world(
      async () => TaskStatus.verified,
      (read) => read <= 3,
    );
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'the task cannot be read from the store now, trying again'],
    ]);
    await clock.advance(250);
    await clock.advance(500);
    await clock.advance(1_000);
    expect(await stored()).toMatchObject({ status: 'processing' });
    await clock.advance(100_000);
    await mine(101);
    expect(await ended).toBe('over');
    expect(await stored()).toMatchObject({ status: 'completed' });
  });

  test('behavior: a node that stops meanwhile leaves it for the next start', async () => {
    const { clock, ended, stop, lines, stored } = await world(
      async () => TaskStatus.verified,
      (read) => read <= 3,
    );
    stop.abort(new PonosError('ABORTED', { message: 'the node is stopping' }));
    expect(await ended).toBe('over');
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
    expect(await stored()).toMatchObject({ status: 'pending' });
    expect(clock.sleepers).toBe(0);
  });
});

describe('a task at its deadline', () => {
  test('behavior: it is completed when somebody else had its result verified', async () => {
    const { clock, ended, mine, stored } = await world(async () => TaskStatus.verified);
    await clock.advance(100_000);
    await mine(101);
    expect(await ended).toBe('over');
    expect(await stored()).toMatchObject({ status: 'completed', attempts: 0 });
  });

  test('behavior: and not failed because the store cannot be read just then', async () => {
    const { clock, ended, mine, stored } = await world(
      async () => TaskStatus.verified,
      (read) => read === 2 || read === 3,
    );
    await clock.advance(100_000);
    await mine(101);
    await clock.advance(250);
    await clock.advance(500);
    expect(await ended).toBe('over');
    expect(await stored()).toMatchObject({ status: 'completed' });
  });

  test('behavior: how long it took does not depend on the date that somebody sets meanwhile', async () => {
    const { clock, ended, mine, lines } = await world(async () => TaskStatus.verified);
    clock.step(-3_600_000);
    await clock.advance(100_000);
    await mine(101);
    await ended;
    expect(lines.find(({ message }) => message.startsWith('task completed'))?.fields.tookMs).toBe(100_000);
  });

  test('error: otherwise it has failed, and the reason names what was in the way until then', async () => {
    const { clock, ended, mine, stored, tracker } = await world(() => Promise.reject(silentChain));
    await clock.advance(100_000);
    await mine(101);
    expect(await ended).toBe('over');
    expect(await stored()).toMatchObject({
      status: 'failed',
      reason: 'the deadline of the task has passed: nobody answers (after: seen)',
    });
    expect(tracker.totals.failedAfter.get('seen')).toBe(1);
    expect(clock.sleepers).toBe(0);
  });

  test('behavior: as long as no block is past it, it is not given up, but leaves its slot to others', async () => {
    const { clock, ended, mine, slot, stored } = await world(() => Promise.reject(silentChain));
    await clock.advance(99_999);
    expect(slot.isLeft).toBe(false);
    await clock.advance(3_600_000);
    expect(slot.isLeft).toBe(true);
    // A result can be mined in a block of the very second of the deadline.
    await mine(100);
    expect(await stored()).toMatchObject({ status: 'processing' });
    await mine(101);
    await ended;
    expect(await stored()).toMatchObject({ status: 'failed' });
  });

  test('behavior: a chain that goes on where it stood still has it taken up again', async () => {
    const { clock, ended, mine, stored } = await world(() => Promise.reject(silentChain));
    await clock.advance(3_600_000);
    await mine(2);
    expect(await ended).toBe('again');
    expect(await stored()).toMatchObject({ status: 'processing' });
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
