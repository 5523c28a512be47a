import { describe, expect, test } from '@jest/globals';
import type { QueuedTask } from '../../../src/aggregator/task-queue.js';
import { type RunEnd, TaskRunner } from '../../../src/aggregator/task-runner.js';
import { chainId, parseAddress, parseTaskId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { type Deferred, deferred } from '../../support/deferred.js';
import { settle } from '../../support/manual-clock.js';
import { tracesIn } from '../../support/signal-traces.js';

const task = (n: number, avs = 1): QueuedTask => ({
  key: `1:${n}`,
  chainId: chainId(1),
  taskId: parseTaskId(`0x${n.toString(16).padStart(64, '0')}`),
  avs: parseAddress(`0x${avs.toString(16).padStart(40, '0')}`),
  deadlineSeconds: 1_000,
});

/** A runner whose runs last until the test ends them; an aborted one ends when its gate opens too. */
function world(maxConcurrent: number) {
  const started: string[] = [];
  const aborted = new Map<string, unknown>();
  const gates = new Map<string, Deferred<void>>();
  const errors: string[] = [];
  const leave = new Map<string, () => void>();
  const ends = new Map<string, RunEnd>();
  const chain = new AbortController();
  const runner = new TaskRunner({
    maxConcurrent,
    avsCount: () => 1,
    givenUp: () => chain.signal,
    run: async ({ key }, signal, leaveSlot) => {
      started.push(key);
      leave.set(key, leaveSlot);
      signal.addEventListener('abort', () => aborted.set(key, signal.reason));
      const gate = deferred();
      gates.set(key, gate);
      await gate.promise;
      if (key === '1:13') throw new Error('thirteen');
      return ends.get(key) ?? 'over';
    },
    logger: { ...silentLogger, error: (message) => errors.push(message) },
  });
  const finish = async (key: string) => {
    gates.get(key)?.resolve();
    await settle();
  };
  return { runner, chain, started, aborted, errors, leave, ends, finish };
}

describe('TaskRunner', () => {
  test('default: as many tasks run as there are slots, and the next starts when one ends', async () => {
    const { runner, started, finish } = world(2);
    for (const n of [1, 2, 3]) runner.add([task(n)]);
    expect(started).toEqual(['1:1', '1:2']);
    await finish('1:1');
    expect(started).toEqual(['1:1', '1:2', '1:3']);
    expect([runner.running, runner.waiting]).toEqual([2, 0]);
  });

  test('behavior: a chain that is given up ends the runs of its tasks, also of those that begin later', async () => {
    const { runner, chain, aborted, finish } = world(1);
    const reason = new PonosError('ABORTED', { message: 'not followed any more' });
    runner.add([task(1), task(2)]);
    chain.abort(reason);
    expect([...aborted]).toEqual([['1:1', reason]]);
    await finish('1:1');
    await finish('1:2');
    expect([runner.running, runner.waiting]).toEqual([0, 0]);
  });

  test('behavior: a task that has ended leaves nothing behind in the signal of its chain, which lasts', async () => {
    const { runner, chain, finish } = world(3);
    for (const n of [1, 2, 3]) runner.add([task(n)]);
    expect(tracesIn(chain.signal)).toBe(3);
    for (const n of [1, 2, 3]) await finish(`1:${n}`);
    expect(tracesIn(chain.signal)).toBe(0);
  });

  test('behavior: tasks that come together get their turns when all of them are known', () => {
    const { runner, started } = world(1);
    runner.add([
      { ...task(1), deadlineSeconds: 30 },
      { ...task(2), deadlineSeconds: 10 },
    ]);
    expect(started).toEqual(['1:2']);
  });

  test('behavior: a task that throws is logged, frees its slot and touches no other', async () => {
    const { runner, started, errors, finish } = world(1);
    runner.add([task(13)]);
    runner.add([task(14)]);
    await finish('1:13');
    expect(errors).toHaveLength(1);
    expect(started).toEqual(['1:13', '1:14']);
  });

  test('behavior: cancelling takes a task out of the queue, or aborts its run with the reason', async () => {
    const { runner, started, aborted, finish } = world(1);
    const reason = new PonosError('ABORTED', { message: 'reorged' });
    runner.add([task(1)]);
    runner.add([task(2)]);
    runner.cancel('1:2', reason);
    runner.cancel('1:1', reason);
    expect(aborted.get('1:1')).toBe(reason);
    await finish('1:1');
    expect(started).toEqual(['1:1']);
  });

  test('behavior: a task taken up again while its cancelled run winds up starts after it, once', async () => {
    const { runner, started, finish } = world(4);
    runner.add([task(1)]);
    runner.cancel('1:1', new PonosError('ABORTED', { message: 'reorged' }));
    runner.add([task(1)]);
    runner.add([task(1)]);
    expect(started).toEqual(['1:1']);
    await finish('1:1');
    expect(started).toEqual(['1:1', '1:1']);
    await finish('1:1');
    expect(started).toHaveLength(2);
  });

  test('behavior: a run that leaves its slot to others and ends with "again" gets one when its turn comes', async () => {
    const { runner, started, leave, ends, finish } = world(1);
    runner.add([task(1), task(2), task(3)]);
    leave.get('1:1')?.();
    leave.get('1:1')?.();
    expect(started).toEqual(['1:1', '1:2']);
    ends.set('1:1', 'again');
    await finish('1:1');
    // Its slot is another's: it waits, behind nobody with a later deadline.
    expect([started.length, runner.waiting]).toEqual([2, 2]);
    await finish('1:2');
    await finish('1:3');
    expect(started.filter((key) => key === '1:1')).toHaveLength(2);
    ends.clear();
    await finish('1:1');
    expect([runner.running, runner.waiting]).toEqual([0, 0]);
  });

  test('behavior: a cancelled run that ends with "again" is not taken up again', async () => {
    const { runner, started, ends, finish } = world(1);
    runner.add([task(1)]);
    ends.set('1:1', 'again');
    runner.cancel('1:1', new PonosError('ABORTED', { message: 'reorged' }));
    await finish('1:1');
    expect([started, runner.running, runner.waiting]).toEqual([['1:1'], 0, 0]);
  });

  test('behavior: draining waits for what runs, and starts nothing that waits', async () => {
    const { runner, started, finish } = world(1);
    runner.add([task(1)]);
    runner.add([task(2)]);
    const drained = runner.drain(new AbortController().signal);
    runner.add([task(3)]);
    await finish('1:1');
    await drained;
    expect(started).toEqual(['1:1']);
  });

  test('behavior: draining ends at once what only waits, or begins to wait meanwhile', async () => {
    const { runner, aborted, leave, ends, started, finish } = world(2);
    runner.add([task(1), task(2), task(3)]);
    leave.get('1:1')?.();
    const drained = runner.drain(new AbortController().signal);
    expect([...aborted.keys()]).toEqual(['1:1']);
    leave.get('1:2')?.();
    expect([...aborted.keys()]).toEqual(['1:1', '1:2']);
    expect(aborted.get('1:2')).toMatchObject({ code: 'ABORTED', message: 'the node is stopping' });
    for (const key of started) ends.set(key, 'again');
    for (const key of [...started]) await finish(key);
    await drained;
    expect(started).toEqual(['1:1', '1:2', '1:3']);
  });

  test('behavior: the end of the grace time aborts what still runs', async () => {
    const { runner, aborted, finish } = world(1);
    runner.add([task(1)]);
    const grace = new AbortController();
    const drained = runner.drain(grace.signal);
    grace.abort();
    expect(aborted.has('1:1')).toBe(true);
    await finish('1:1');
    await drained;
  });
});
