import { describe, expect, test } from '@jest/globals';
import { isOutOfReach, keepSwept, type RetentionOptions } from '../../../src/aggregator/retention.js';
import { blockNumber, chainId, type Hash32, parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import type { Block } from '../../../src/chain/block.js';
import { type AggregatorStore, createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { keysBelow } from '../../../src/store/store-key.js';
import { type ManualClock, manualClock, settle } from '../../support/manual-clock.js';
import { newTask, operatorAddress, textBytes } from './world.js';

const CHAIN = chainId(31_337);
const GONE_CHAIN = chainId(31_338);
const START_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const START_SECONDS = START_MS / 1_000;
const hash = (n: number) => parseHash32(`0x${n.toString(16).padStart(64, '0')}`);
const task = (n: number, change: Parameters<typeof newTask>[0] = {}) =>
  newTask({ taskId: parseTaskId(hash(n)), deadlineSeconds: START_SECONDS + 60, ...change });

const anAnswer = {
  referenceTimestamp: 900,
  resultSignature: textBytes('result'),
  authSignature: textBytes('auth'),
  receivedAtMs: START_MS,
};

/** A chain with a block a second, the head of which is as old as the clock says. */
function world(change: Partial<RetentionOptions> = {}) {
  const clock: ManualClock = manualClock(START_MS);
  const store: AggregatorStore =
    (change.store as AggregatorStore | undefined) ?? createAggregatorStore(createMemoryStore());
  const stop = new AbortController();
  const log: { message: string; fields: unknown }[] = [];
  const blockAt = (number: number): Block => ({
    number: blockNumber(number),
    hash: hash(number),
    parentHash: hash(number - 1),
    timestampSeconds: START_SECONDS + number,
    baseFeePerGas: undefined,
  });
  const head = () => Math.floor((clock.nowMs() - START_MS) / 1_000);
  const note = (message: string, fields?: unknown) => log.push({ message, fields });
  const options: RetentionOptions = {
    store,
    chains: [
      {
        chainId: CHAIN,
        client: { head: async () => blockAt(head()), block: async (number) => blockAt(Number(number)) },
        maxReorgDepth: 64,
        blockConfirmations: 0,
      },
    ],
    taskDays: 7,
    sweepSeconds: 300,
    clock,
    logger: { ...silentLogger, info: note, warn: note },
    ...change,
  };
  const running = keepSwept(options, stop.signal);
  const settled = async () => {
    for (let turn = 0; turn < 200; turn++) await settle();
  };
  return { clock, store, stop, log, running, settled };
}

async function finished(store: AggregatorStore, clock: ManualClock, tasks: ReturnType<typeof task>[]) {
  const inBlock = { number: blockNumber(50), hash: hash(50) };
  for (const each of tasks) {
    await store.saveBlock(each.chainId, inBlock, [each]);
    await store.updateTask(each, { status: 'failed', reason: 'over', updatedAtMs: clock.nowMs() });
  }
}

describe('isOutOfReach', () => {
  const final = { number: blockNumber(100), timestampSeconds: 2_000 };
  test.each([
    [{ deadlineSeconds: 1_999, blockNumber: 50 }, true],
    [{ deadlineSeconds: 2_000, blockNumber: 50 }, false],
    [{ deadlineSeconds: 1_000, blockNumber: 101 }, false],
    [{ deadlineSeconds: 1_000, blockNumber: 50, settledAtBlock: 101 }, false],
    [{ deadlineSeconds: 1_000, blockNumber: 50, settledAtBlock: 100 }, true],
  ] as const)('default: %j is %s', (found, expected) => {
    expect(isOutOfReach(found as Parameters<typeof isOutOfReach>[0], final)).toBe(expected);
    expect(isOutOfReach(found as Parameters<typeof isOutOfReach>[0], undefined)).toBe(false);
  });
});

describe('the sweep', () => {
  test('default: a finished task leaves after its days, at the next sweep', async () => {
    const { clock, store, stop, running, settled, log } = world();
    await settled();
    await finished(store, clock, [task(1)]);
    await clock.advance(7 * DAY_MS);
    await settled();
    expect(await store.task(task(1))).toBeDefined();
    await clock.advance(300_000);
    await settled();
    expect(await store.task(task(1))).toBeUndefined();
    expect(log.at(-1)).toMatchObject({ message: 'the store was swept', fields: { tasks: 1 } });
    stop.abort();
    await running;
  });

  test('behavior: never before the deadline and the longest reorg, however long ago it ended', async () => {
    const { clock, store, stop, running, settled } = world();
    const deadlineSeconds = START_SECONDS + (8 * DAY_MS) / 1_000;
    await settled();
    await finished(store, clock, [task(1, { deadlineSeconds })]);
    await clock.advance(8 * DAY_MS);
    await settled();
    expect(await store.task(task(1))).toBeDefined();
    await clock.advance(300_000);
    await settled();
    expect(await store.task(task(1))).toBeUndefined();
    stop.abort();
    await running;
  });

  test('behavior: a chain that cannot be asked keeps its tasks; one that is gone does not', async () => {
    const down = new PonosError('CHAIN_UNREACHABLE', { message: 'no answer' });
    const fail = () => Promise.reject(down);
    const client = { head: fail, block: fail };
    const { clock, store, stop, running, settled } = world({
      chains: [{ chainId: CHAIN, client, maxReorgDepth: 64, blockConfirmations: 0 }],
    });
    await settled();
    await finished(store, clock, [task(1), task(2, { chainId: GONE_CHAIN })]);
    await clock.advance(7 * DAY_MS + 600_000);
    await settled();
    expect(await store.task(task(1))).toBeDefined();
    expect(await store.task(task(2, { chainId: GONE_CHAIN }))).toBeUndefined();
    stop.abort();
    await running;
  });

  test('behavior: of outputs only the certified one stays once nothing can bring a task back', async () => {
    const values = createMemoryStore();
    const { clock, store, stop, running, settled } = world({ store: createAggregatorStore(values) });
    const outputBytes = async () => {
      let bytes = 0;
      for await (const { value } of values.scan(keysBelow('output'))) bytes += value.length;
      return bytes;
    };
    await settled();
    const tasks = [task(1), task(2), task(3)];
    const [certified, refused] = tasks;
    if (certified === undefined || refused === undefined) throw new Error('there are three tasks');
    const hostileOutput = (n: number) => new Uint8Array(1.5 * 1024 * 1024).fill(n);
    const kept = new Map<string, Hash32[]>();
    for (const each of tasks) {
      await store.saveBlock(CHAIN, { number: blockNumber(50), hash: hash(50) }, [each]);
      for (const [n, output] of [textBytes('0x31'), hostileOutput(1), hostileOutput(2)].entries()) {
        const answer = { ...anAnswer, operator: operatorAddress(n), output };
        kept.set(each.taskId, [...(kept.get(each.taskId) ?? []), await store.recordAnswer(each, answer)]);
      }
    }
    const nowMs = clock.nowMs();
    const certifiedOutput = kept.get(certified.taskId)?.[0];
    const sent = { transactionHash: hash(9), certifiedOutput, settledAtBlock: blockNumber(60) };
    await store.updateTask(certified, { ...sent, status: 'completed', updatedAtMs: nowMs });
    await store.updateTask(refused, { status: 'failed', reason: 'too few', updatedAtMs: nowMs });
    expect(await outputBytes()).toBeGreaterThan(9 * 1024 * 1024);

    // Past the deadline, and not by 64 blocks: a reorg may bring each of them back.
    await clock.advance(100_000);
    await settled();
    expect(await outputBytes()).toBeGreaterThan(9 * 1024 * 1024);
    await clock.advance(200_000);
    await settled();
    // The third is not over. Records of answers stay, and tell what each has signed.
    expect(await outputBytes()).toBeLessThan(3 * 1024 * 1024 + 1_024);
    expect(await store.answers(refused, 900)).toHaveLength(3);
    expect((await store.answers(certified, 900)).map(({ outputHash }) => outputHash).sort()).toEqual(
      [...(kept.get(certified.taskId) ?? [])].sort(),
    );
    expect(certifiedOutput && (await store.output(certified, certifiedOutput))).toEqual(textBytes('0x31'));

    // What ends later is found by later sweeps.
    const [, , late] = tasks;
    if (late === undefined) throw new Error('there are three tasks');
    await store.updateTask(late, { status: 'failed', reason: 'too late', updatedAtMs: clock.nowMs() });
    await clock.advance(300_000);
    await settled();
    expect(await outputBytes()).toBeLessThan(1_024);
    stop.abort();
    await running;
  });

  test('error: a sweep that fails is told, and the next one goes on', async () => {
    const store = createAggregatorStore(createMemoryStore());
    let isFull = true;
    const { clock, stop, running, settled, log } = world({
      store: {
        ...store,
        async *sweepTasks(options) {
          if (isFull) throw new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' });
          yield* store.sweepTasks(options);
        },
      },
    });
    await settled();
    expect(log.at(-1)?.message).toBe('the store cannot be swept now, trying again later');
    await finished(store, clock, [task(1)]);
    isFull = false;
    await clock.advance(7 * DAY_MS + 600_000);
    await settled();
    expect(await store.task(task(1))).toBeUndefined();
    stop.abort();
    await running;
  });
});
