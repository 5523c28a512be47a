import { describe, expect, test } from '@jest/globals';
import { parseAddress, parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { leaving, retentionRules, runRetention } from '../../../src/executor/retention.js';
import type { AnsweredTask } from '../../../src/store/executor-records.js';
import { ANSWERED, answeredTasks, createExecutorStore } from '../../../src/store/executor-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { keysBelow } from '../../../src/store/store-key.js';
import { manualClock } from '../../support/manual-clock.js';

const DAY = 24 * 60 * 60;
const AVS = parseAddress(`0x${'0a'.repeat(20)}`);
const taskId = (n: number) => parseTaskId(`0x${n.toString(16).padStart(64, '0')}`);

const rules = retentionRules({
  taskDays: 7,
  maxTaskBlockAgeDays: 30,
  maxReorgDepths: [64, 100],
  taskSeconds: [300, 3_600],
});

function task(changes: Partial<AnsweredTask> = {}): AnsweredTask {
  return {
    avs: AVS,
    operatorSetId: 1,
    taskId: taskId(1),
    payloadHash: parseHash32(`0x${'01'.repeat(32)}`),
    outputHash: parseHash32(`0x${'02'.repeat(32)}`),
    createdAtMs: 0,
    deadlineSeconds: 60,
    isOutputKept: true,
    ...changes,
  };
}

describe('leaving', () => {
  test('default: the rules are the longest of what the chains and the configuration say', () => {
    expect(rules).toEqual({
      outputSeconds: 7 * DAY,
      reorgSeconds: 1_200,
      maxBlockAgeSeconds: 30 * DAY,
      longestTaskSeconds: 3_600,
    });
  });

  const acceptanceEnds = 60 + 30 * DAY + 3_600 + 1_200;
  test.each<[string, Partial<AnsweredTask>, number, ReturnType<typeof leaving>]>([
    ['a second before its days are over, nothing', {}, 7 * DAY - 1, 'nothing'],
    ['after its days, the output', {}, 7 * DAY, 'output'],
    ['an output that has left does not leave again', { isOutputKept: false }, 20 * DAY, 'nothing'],
    [
      'before the deadline and the longest reorg, nothing, however old',
      { deadlineSeconds: 9 * DAY },
      9 * DAY + 1_199,
      'nothing',
    ],
    ['after the deadline and the longest reorg', { deadlineSeconds: 9 * DAY }, 9 * DAY + 1_200, 'output'],
    ['while it could still be accepted, the small record stays', {}, acceptanceEnds - 1, 'output'],
    ['when it cannot be accepted any more, everything', {}, acceptanceEnds, 'everything'],
    ['everything without an output', { isOutputKept: false }, acceptanceEnds, 'everything'],
    ['a young output keeps its record', { createdAtMs: 29 * DAY * 1_000 }, acceptanceEnds, 'nothing'],
  ])('behavior: %s', (_name, changes, nowSeconds, expected) => {
    expect(leaving(task(changes), nowSeconds, rules)).toBe(expected);
  });
});

async function world(tasks: number) {
  const clock = manualClock(0);
  const values = createMemoryStore();
  const store = createExecutorStore(values);
  for (let n = 1; n <= tasks; n++) {
    const { payloadHash, deadlineSeconds } = task();
    await store.saveAnswer(task({ taskId: taskId(n) }), {
      payloadHash,
      deadlineSeconds,
      createdAtMs: 0,
      output: Uint8Array.of(n),
      referenceTimestamp: 1,
      resultSignature: Uint8Array.of(1),
      authSignature: Uint8Array.of(2),
    });
  }
  const state: { chainSeconds: number | PonosError } = { chainSeconds: Number.MAX_SAFE_INTEGER };
  const stop = new AbortController();
  const done = runRetention(
    {
      store,
      rules,
      sweepSeconds: DAY / 4,
      nowSeconds: async () => {
        if (state.chainSeconds instanceof PonosError) throw state.chainSeconds;
        return Math.min(clock.nowMs() / 1_000, state.chainSeconds);
      },
      clock,
      logger: silentLogger,
    },
    stop.signal,
  );
  const kept = async () => {
    const found: AnsweredTask[] = [];
    for await (const each of answeredTasks(values.scan(keysBelow(ANSWERED)))) found.push(each);
    return found;
  };
  const outputs = async () => {
    let count = 0;
    for await (const _ of values.scan({ gte: 'output/', lt: 'output0' })) count += 1;
    return count;
  };
  const later = async (seconds: number) => {
    await clock.advance(seconds * 1_000);
    // A sweep reads and writes in many steps.
    for (let step = 0; step < 50; step++) await clock.advance(0);
  };
  return { clock, values, store, state, stop, done, kept, outputs, later };
}

describe('runRetention', () => {
  test('default: outputs leave first, what was signed much later, and both for good', async () => {
    const { kept, outputs, later, stop, done, store } = await world(600);
    await later(7 * DAY - 1);
    expect(await outputs()).toBe(600);
    await later(DAY);
    expect(await outputs()).toBe(0);
    expect(await kept()).toHaveLength(600);
    expect((await store.find(task()))?.output).toBeUndefined();
    await later(24 * DAY);
    expect(await kept()).toEqual([]);
    stop.abort();
    await done;
  });

  test('behavior: a chain that is behind this machine keeps its answers; one that cannot be read, too', async () => {
    const { outputs, later, state, stop, done } = await world(3);
    state.chainSeconds = 6 * DAY;
    await later(8 * DAY);
    expect(await outputs()).toBe(3);
    state.chainSeconds = new PonosError('CHAIN_UNREACHABLE', { message: 'L1 is down' });
    await later(DAY);
    expect(await outputs()).toBe(3);
    state.chainSeconds = Number.MAX_SAFE_INTEGER;
    await later(DAY);
    expect(await outputs()).toBe(0);
    stop.abort();
    await done;
  });

  test('behavior: a damaged record is passed over, and left as it is', async () => {
    const { values, outputs, later, stop, done } = await world(3);
    const keys: string[] = [];
    for await (const { key } of values.scan({ gte: 'answer/', lt: 'answer0' })) keys.push(key);
    const [damaged = ''] = keys;
    await values.batch([{ type: 'put', key: damaged, value: Uint8Array.of(1, 2, 3) }]);
    await later(8 * DAY);
    expect(await outputs()).toBe(1);
    expect(Array.from((await values.get(damaged)) ?? [])).toEqual([1, 2, 3]);
    stop.abort();
    await done;
  });

  test('behavior: it ends with its signal, and nothing sleeps on', async () => {
    const { clock, stop, done, later } = await world(1);
    await later(DAY);
    stop.abort();
    await done;
    expect(clock.sleepers).toBe(0);
  });
});
