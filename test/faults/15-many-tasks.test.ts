/** A thousand tasks in one block, and fifty AVSs: bounded memory, and none waits for another's burst. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Aggregator, createAggregator } from '../../src/aggregator/aggregator.js';
import { keptSlots, type QueuedTask, TaskQueue } from '../../src/aggregator/task-queue.js';
import { TaskRunner } from '../../src/aggregator/task-runner.js';
import { chainId, parseAddress, parseTaskId } from '../../src/base/brands.js';
import { toHex, word } from '../../src/base/bytes.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { loadConfig } from '../../src/config/load.js';
import { loadSigningKeys, loadTransactionKey } from '../../src/signer/load-signers.js';
import { type AggregatorStore, createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../src/store/memory-store.js';
import { buildVerifyWorker } from '../support/build-worker.js';
import { deferred } from '../support/deferred.js';
import { type LoadTask, type LoadWorld, startLoadWorld } from '../support/load-world.js';
import { manualClock } from '../support/manual-clock.js';
import { LONG_MS, until } from '../support/until.js';

const AVSS = 50;
/** The one that bursts; the others are quiet. */
const BUSY = 0;

const task = (avs: number, n: number, deadlineSeconds: number): QueuedTask => ({
  key: `${avs}:${n}`,
  chainId: chainId(1),
  taskId: parseTaskId(toHex(word(avs * 100_000 + n))),
  avs: parseAddress(`0x${avs.toString(16).padStart(40, '0')}`),
  deadlineSeconds,
});

describe('turns', () => {
  const SLOTS = 256;
  const SECONDS = 60;
  const QUIET_MS = 2_000;
  /** As long as a task may take: its executors never answer. */
  const BUSY_MS = 60_000;

  /** How long the tasks of the quiet AVSs take, one a second of each, with a burst in the tenth second. */
  async function latencies(burst: number): Promise<{ readonly p95Ms: number; readonly missed: number }> {
    const clock = manualClock(0);
    const tookMs: number[] = [];
    const addedMs = new Map<string, number>();
    const runner = new TaskRunner({
      maxConcurrent: SLOTS,
      avsCount: () => AVSS,
      logger: silentLogger,
      givenUp: () => new AbortController().signal,
      run: async ({ key }, signal) => {
        const isBusy = key.startsWith(`${BUSY}:`);
        await clock.sleep(isBusy ? BUSY_MS : QUIET_MS, signal);
        if (!isBusy) tookMs.push(clock.nowMs() - (addedMs.get(key) ?? 0));
        return 'over';
      },
    });
    for (let second = 0; second < SECONDS; second += 1) {
      const burstNow = second === 10 ? Array.from({ length: burst }, (_, n) => task(BUSY, n, 70)) : [];
      const quiet = Array.from({ length: AVSS - 1 }, (_, avs) => task(avs + 1, second, second + 3));
      for (const { key } of quiet) addedMs.set(key, clock.nowMs());
      runner.add([...burstNow, ...quiet]);
      await clock.advance(1_000);
    }
    await clock.advance(QUIET_MS);
    const sorted = tookMs.sort((a, b) => a - b);
    const expected = (AVSS - 1) * SECONDS;
    const missed = expected - sorted.filter((ms) => ms <= 3_000).length;
    const p95Ms = sorted[Math.floor(expected * 0.95)] ?? Number.POSITIVE_INFINITY;
    const ended = new AbortController();
    ended.abort();
    await runner.drain(ended.signal);
    return { p95Ms, missed };
  }

  test('behavior: a burst of 1,000 tasks moves the p95 of 49 other AVSs by less than 10%, and none of their deadlines is missed', async () => {
    const alone = await latencies(0);
    const beside = await latencies(1_000);
    expect(alone).toEqual({ p95Ms: QUIET_MS, missed: 0 });
    expect(beside.p95Ms).toBeLessThan(alone.p95Ms * 1.1);
    expect(beside.missed).toBe(0);
  });

  /** Deadlines that some order meets with so many slots, one second a task, in any order of arrival. */
  const feasible = (slots: number, most: number) =>
    fc
      .array(fc.nat(3), { maxLength: most })
      .map((slack) => slack.map((seconds, n) => Math.floor(n / slots) + 1 + seconds))
      .chain((deadlines) => fc.shuffledSubarray(deadlines, { minLength: deadlines.length }));

  /** Runs the queue second by second; tasks of the busy AVS, which come first, take for ever. @returns those missed */
  function missedBy(
    queue: TaskQueue<QueuedTask>,
    tasks: readonly QueuedTask[],
    busy: readonly QueuedTask[] = [],
  ): QueuedTask[] {
    for (const one of busy) queue.add(one);
    while (queue.take() !== undefined);
    for (const one of tasks) queue.add(one);
    const missed: QueuedTask[] = [];
    let left = tasks.length;
    for (let second = 1; left > 0 && second <= 1_000; second += 1) {
      const started: QueuedTask[] = [];
      for (let next = queue.take(); next !== undefined; next = queue.take()) started.push(next);
      for (const done of started.filter(({ key }) => !key.startsWith(`${BUSY}:`))) {
        if (done.deadlineSeconds < second) missed.push(done);
        queue.release(done);
        left -= 1;
      }
    }
    expect(left).toBe(0);
    return missed;
  }

  test('behavior: of one AVS every deadline is met that any order of its tasks could meet', () => {
    const cases = fc
      .integer({ min: 1, max: 6 })
      .chain((slots) => fc.tuple(fc.constant(slots), feasible(slots, 60)));
    fc.assert(
      fc.property(cases, ([slots, deadlines]) => {
        const queue = new TaskQueue<QueuedTask>({ maxConcurrent: slots, avsCount: () => 1 });
        expect(
          missedBy(
            queue,
            deadlines.map((deadline, n) => task(1, n, deadline)),
          ),
        ).toEqual([]);
      }),
    );
  });

  test('behavior: an AVS whose deadlines its part of the slots can meet misses none, whatever the others bring', () => {
    const cases = fc
      .record({ avss: fc.integer({ min: 2, max: 6 }), perAvs: fc.integer({ min: 1, max: 4 }) })
      .chain(({ avss, perAvs }) => {
        const slots = avss * perAvs * 2;
        const part = keptSlots(slots, avss);
        const quiet = Array.from({ length: avss - 1 }, () => feasible(part, 30));
        return fc.record({ avss: fc.constant(avss), slots: fc.constant(slots), quiet: fc.tuple(...quiet) });
      });
    fc.assert(
      fc.property(cases, fc.nat(200), ({ avss, slots, quiet }, burst) => {
        const queue = new TaskQueue<QueuedTask>({ maxConcurrent: slots, avsCount: () => avss });
        const busy = Array.from({ length: burst }, (_, n) => task(BUSY, n, 1));
        const others = quiet.flatMap((deadlines, avs) =>
          deadlines.map((deadline, n) => task(avs + 1, n, deadline)),
        );
        expect(missedBy(queue, others, busy)).toEqual([]);
      }),
    );
  });
});

describe('on a chain', () => {
  const MAX_CONCURRENT = 256;
  const QUIET_TASKS = 4;
  const BUSY_TASKS = 1_000 - (AVSS - 1) * QUIET_TASKS;
  const PAYLOAD_BYTES = 1_000;
  /** A run has the payload it read, and what it sends: nobody else holds any. */
  const COPIES = 2;

  let world: LoadWorld;
  let aggregator: Aggregator;
  afterAll(async () => {
    await aggregator?.close(0);
    await world?.close();
  });

  /** Notes every payload that the aggregator gets to hold. */
  function watchPayloads(store: AggregatorStore, seen: WeakRef<Uint8Array>[]): AggregatorStore {
    return {
      ...store,
      async saveBlock(chain, block, tasks) {
        for (const { payload } of tasks) seen.push(new WeakRef(payload));
        return store.saveBlock(chain, block, tasks);
      },
      async task(key) {
        const found = await store.task(key);
        if (found !== undefined) seen.push(new WeakRef(found.payload));
        return found;
      },
    };
  }

  test('behavior: 1,000 tasks of 50 AVSs in one block are all verified in time, in turns, with no payload in memory but of those being worked on', async () => {
    world = await startLoadWorld({ executors: 1, avss: AVSS, curve: 'ecdsa', slaSeconds: 3_600 });
    const [executor] = world.executors;
    if (executor === undefined) throw new Error('the world has no executor');
    const gate = deferred();
    const started: string[] = [];
    executor.answer = async (submission) => {
      started.push(submission.avsAddress);
      executor.submissions.length = 0;
      await gate.promise;
      return executor.honest(submission, 'done');
    };
    const payloads: WeakRef<Uint8Array>[] = [];
    const failures: string[] = [];
    const file = world.configure({ managementServerGrpcPort: 9_010 });
    const { config } = await loadConfig('aggregator', { file, env: {} });
    aggregator = createAggregator({
      config: {
        ...config,
        managementServerGrpcPort: 0,
        tasks: { ...config.tasks, maxConcurrent: MAX_CONCURRENT },
      },
      signingKeys: await loadSigningKeys(config.operator.signingKeys, {
        clock: systemClock,
        logger: silentLogger,
      }),
      transactionSigner: await loadTransactionKey(config.operator.operatorPrivateKey, {
        clock: systemClock,
        logger: silentLogger,
      }),
      store: watchPayloads(createAggregatorStore(createMemoryStore()), payloads),
      workerSource: await buildVerifyWorker(),
      clock: systemClock,
      logger: failureLogger(failures),
    });
    await aggregator.start();

    const first = (await world.client.head()).number + 1;
    const tasks = world.avss.flatMap((avs, index): LoadTask[] =>
      Array.from({ length: index === BUSY ? BUSY_TASKS : QUIET_TASKS }, (_, n) => ({
        avs,
        payload: Buffer.alloc(PAYLOAD_BYTES, `task ${index} ${n} `),
      })),
    );
    await world.send(tasks);
    await world.anvil.rpc('evm_mine');
    const created = await world.created(first);
    expect(new Set(created.map(({ log }) => log.blockNumber)).size).toBe(1);
    expect(created).toHaveLength(1_000);

    // Every slot is taken, by a task that waits for its executor.
    await until('every slot was taken', () => started.length >= MAX_CONCURRENT, LONG_MS);
    expect(payloads.length).toBeGreaterThanOrEqual(1_000 + MAX_CONCURRENT);
    expect(countHeld(payloads)).toBeLessThanOrEqual(MAX_CONCURRENT * COPIES);
    expect(started).toHaveLength(MAX_CONCURRENT);
    // The burst came first in its block, and yet all the tasks of the others are under way.
    const busy = world.avss[BUSY];
    expect(started.filter((avs) => parseAddress(avs) !== busy)).toHaveLength((AVSS - 1) * QUIET_TASKS);

    gate.resolve();
    while ((aggregator.totals.ended.get('verified') ?? 0) + failures.length < 1_000) {
      await systemClock.sleep(200);
      await world.anvil.rpc('evm_mine');
    }
    expect(failures).toEqual([]);
    const verified = await world.verified(first);
    expect(created.filter(({ taskId }) => !verified.has(taskId))).toEqual([]);
    expect(countHeld(payloads)).toBeLessThanOrEqual(MAX_CONCURRENT);
  }, 300_000);
});

function countHeld(payloads: readonly WeakRef<Uint8Array>[]): number {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  collectGarbage();
  return payloads.filter((payload) => payload.deref() !== undefined).length;
}

function failureLogger(failures: string[]): typeof silentLogger {
  const logger = {
    ...silentLogger,
    warn: (message: string, fields?: object) => {
      if (message === 'task failed') failures.push(JSON.stringify(fields));
    },
    child: () => logger,
  };
  return logger;
}
