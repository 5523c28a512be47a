import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  blockNumber,
  chainId,
  type Hash32,
  parseAddress,
  parseHash32,
  parseTaskId,
} from '../../../src/base/brands.js';
import { KEPT_BLOCKS } from '../../../src/store/aggregator-history.js';
import { finishedKeyOf } from '../../../src/store/aggregator-keys.js';
import type { NewTask } from '../../../src/store/aggregator-records.js';
import { type AggregatorStore, createAggregatorStore } from '../../../src/store/aggregator-store.js';
import type { SweepOptions } from '../../../src/store/aggregator-sweep.js';
import { type KeyValueStore, RECORD_KEYS } from '../../../src/store/key-value-store.js';
import { openLevelStore } from '../../../src/store/level-store.js';
import { putJson } from '../../../src/store/records.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const CHAIN = chainId(31_337);
const AVS = parseAddress(`0x${'a5'.repeat(20)}`);
const bytes = (text: string) => new TextEncoder().encode(text);
const hash = (n: number): Hash32 => parseHash32(`0x${n.toString(16).padStart(64, '0')}`);
const block = (n: number, fork = 0) => ({ number: blockNumber(n), hash: hash(n + fork * 1_000_000) });
const task = (id: number, inBlock = 5): NewTask => ({
  chainId: CHAIN,
  taskId: parseTaskId(hash(id)),
  creator: AVS,
  avs: AVS,
  operatorSetId: 1,
  referenceTimestamp: 1_000,
  payload: bytes(`payload ${id}`),
  blockNumber: blockNumber(inBlock),
  blockHash: hash(inBlock),
  blockTimestampSeconds: 2_000,
  deadlineSeconds: 2_060,
  createdAtMs: 1,
});

let folder: TemporaryFolder;
let values: KeyValueStore;
let store: AggregatorStore;
beforeEach(async () => {
  folder = await temporaryFolder();
  values = await openLevelStore({ dir: folder.path, syncWrites: false });
  store = createAggregatorStore(values);
});
afterEach(async () => {
  await values.close();
  await folder.remove();
});

async function keys(): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of values.scan(RECORD_KEYS)) found.push(key);
  return found;
}

async function sweep(options: Partial<SweepOptions> = {}) {
  const total = { tasks: 0, records: 0, damaged: 0, largest: 0 };
  for await (const batch of store.sweepTasks({ endedBeforeMs: 1_000, mayLeave: () => true, ...options })) {
    total.tasks += batch.tasks;
    total.records += batch.records;
    total.damaged += batch.damaged;
    total.largest = Math.max(total.largest, batch.tasks);
  }
  return total;
}

async function finish(id: number, updatedAtMs: number, operators = 2): Promise<void> {
  for (let operator = 0; operator < operators; operator++) {
    await store.recordAnswer(task(id), {
      operator: parseAddress(`0x${operator.toString(16).padStart(40, '0')}`),
      referenceTimestamp: 1_000,
      output: bytes(`output ${id}`),
      resultSignature: bytes('result'),
      authSignature: bytes('auth'),
      receivedAtMs: 1,
    });
  }
  const settledAtBlock = blockNumber(7);
  await store.updateTask(task(id), { status: 'completed', settledAtBlock, updatedAtMs });
}

describe('sweeping tasks', () => {
  test('default: of a task that ended long ago nothing stays, and nothing of others goes', async () => {
    await store.saveBlock(CHAIN, block(5), []);
    const before = await keys();
    await store.saveBlock(CHAIN, block(5), [task(1)]);
    await finish(1, 500);
    expect((await keys()).length).toBeGreaterThan(before.length + 6);
    expect(await sweep()).toMatchObject({ tasks: 1, damaged: 0 });
    expect(await keys()).toEqual(before);
  });

  test('behavior: unfinished tasks, young ones, and those that may not leave stay whole', async () => {
    await store.saveBlock(CHAIN, block(5), [task(1), task(2), task(3), task(4)]);
    await finish(2, 1_000);
    await finish(3, 500);
    await finish(4, 600);
    const kept = (await keys()).filter((key) => !key.includes(task(4).taskId));
    const isThree = ({ taskId }: { taskId: string }) => taskId === task(3).taskId;
    expect(await sweep({ mayLeave: (found) => !isThree(found) })).toMatchObject({ tasks: 1 });
    expect(await keys()).toEqual(kept);
    expect((await store.answers(task(3), 1_000)).length).toBe(2);
  });

  test('behavior: a task that a reorg has undone and that is mined again is not old', async () => {
    await store.saveBlock(CHAIN, block(4), []);
    await store.saveBlock(CHAIN, block(5), [task(1)]);
    await finish(1, 500);
    await store.rewind(CHAIN, block(4), 600);
    await store.saveBlock(CHAIN, block(5, 1), [task(1)]);
    expect(await sweep()).toMatchObject({ tasks: 0 });
    expect(await store.unfinishedTasks()).toHaveLength(1);
    await store.updateTask(task(1), { status: 'failed', reason: 'expired', updatedAtMs: 700 });
    expect(await sweep()).toMatchObject({ tasks: 1 });
    expect((await keys()).filter((key) => key.includes(task(1).taskId))).toEqual([]);
  });

  test('behavior: an entry that says another time than its task is removed, and the task stays', async () => {
    await store.saveBlock(CHAIN, block(5), [task(1)]);
    await finish(1, 2_000);
    const before = await keys();
    await values.batch([putJson(finishedKeyOf({ ...task(1), updatedAtMs: 10 }), true)]);
    expect(await sweep()).toMatchObject({ tasks: 0, records: 1 });
    expect(await keys()).toEqual(before);
  });

  test('behavior: a damaged record stays, is counted, and holds no other up', async () => {
    await store.saveBlock(CHAIN, block(5), [task(1), task(2)]);
    await finish(1, 500);
    await finish(2, 600);
    const key = `task/${CHAIN.toString(16).padStart(16, '0')}/${task(1).taskId}/`;
    await values.batch([{ type: 'put', key, value: bytes('rust') }]);
    expect(await sweep()).toMatchObject({ tasks: 1, damaged: 1 });
    expect(await store.task(task(2))).toBeUndefined();
  });

  test('behavior: thousands of tasks go in small writes, and other work goes on in between', async () => {
    const ids = Array.from({ length: 2_000 }, (_, index) => index + 1);
    await store.saveBlock(
      CHAIN,
      block(5),
      ids.map((id) => task(id)),
    );
    await Promise.all(ids.map((id) => finish(id, 500, 1)));
    await store.saveBlock(CHAIN, block(6), [task(5_000, 6)]);
    let isSwept = false;
    const sweeping = sweep().finally(() => {
      isSwept = true;
    });
    await store.updateTask(task(5_000), { status: 'processing', updatedAtMs: 2 });
    expect(isSwept).toBe(false);
    const total = await sweeping;
    expect(total).toMatchObject({ tasks: 2_000 });
    expect(total.largest).toBeLessThanOrEqual(32);
    expect(await store.unfinishedTasks()).toHaveLength(1);
    expect(await sweep()).toMatchObject({ tasks: 0, records: 0 });
  }, 60_000);

  test('behavior: a sweep that was cut off goes on where it was', async () => {
    const ids = Array.from({ length: 70 }, (_, index) => index + 1);
    await store.saveBlock(
      CHAIN,
      block(5),
      ids.map((id) => task(id)),
    );
    await Promise.all(ids.map((id) => finish(id, 500, 1)));
    const first = store.sweepTasks({ endedBeforeMs: 1_000, mayLeave: () => true });
    expect((await first.next()).value).toMatchObject({ tasks: 32 });
    await first.return(undefined);
    await values.close();
    values = await openLevelStore({ dir: folder.path, syncWrites: false });
    store = createAggregatorStore(values);
    expect(await sweep()).toMatchObject({ tasks: 38 });
    expect((await keys()).filter((key) => key.includes(task(70).taskId))).toEqual([]);
  });
});

describe('sweeping outputs', () => {
  const sweepOutputs = async () => {
    let [outputs, waitsSinceMs]: [number, number | undefined] = [0, undefined];
    for await (const batch of store.sweepOutputs({ endedFromMs: 0, mayLeave: () => true })) {
      outputs += batch.outputs;
      waitsSinceMs ??= batch.waitsSinceMs;
    }
    return { outputs, waitsSinceMs };
  };

  test('behavior: of a task that was sent before stores knew what was certified, all outputs stay', async () => {
    await store.saveBlock(CHAIN, block(5), [task(1), task(2)]);
    await store.updateTask(task(1), { transactionHash: hash(9), attempts: 1, updatedAtMs: 2 });
    await finish(1, 500);
    await finish(2, 600);
    expect(await sweepOutputs()).toEqual({ outputs: 1, waitsSinceMs: undefined });
    const [answer] = await store.answers(task(1), 1_000);
    expect(answer && (await store.output(task(1), answer.outputHash))).toEqual(bytes('output 1'));
  });

  test('behavior: a task that comes back gives its outputs anew, and they are swept anew', async () => {
    await store.saveBlock(CHAIN, block(5), [task(1)]);
    await finish(1, 500);
    expect(await sweepOutputs()).toMatchObject({ outputs: 1 });
    expect(await sweepOutputs()).toMatchObject({ outputs: 0 });
    await store.reopen({ tasks: [task(1)], nowMs: 600 });
    await finish(1, 700);
    expect(await sweepOutputs()).toMatchObject({ outputs: 1 });
  });

  test('behavior: an answer that is damaged, and a task that is, hold no other up', async () => {
    await store.saveBlock(CHAIN, block(5), [task(1), task(2), task(3)]);
    for (const id of [1, 2, 3]) await finish(id, 500 + id);
    const damaged = (await keys()).filter(
      (key) =>
        (key.startsWith('answer/') && key.includes(task(1).taskId)) ||
        (key.startsWith('task/') && key.includes(task(2).taskId)),
    );
    await values.batch(damaged.map((key) => ({ type: 'put', key, value: bytes('rust') })));
    expect(await sweepOutputs()).toMatchObject({ outputs: 1 });
  });
});

describe('sweeping the rest', () => {
  test('default: block hashes that catching up by ranges has left behind', async () => {
    for (const number of [10, 1_000, 2_000, 2_001]) await store.saveBlock(CHAIN, block(number), []);
    expect(await store.sweepBlocks(CHAIN)).toBe(2);
    expect((await store.recentBlocks(CHAIN)).map(({ number }) => number)).toEqual([2_001, 2_000]);
    expect(await store.sweepBlocks(chainId(1))).toBe(0);
    expect(KEPT_BLOCKS).toBeGreaterThanOrEqual(100);
  });

  test('default: transactions of tasks that are gone, and no others', async () => {
    await store.saveBlock(CHAIN, block(5), [task(1)]);
    const transactions = store.transactions(CHAIN, AVS);
    const forms = [{ hash: hash(9), raw: '0x02' }];
    await transactions.save({ nonce: 3, subject: task(1).taskId, forms });
    await transactions.save({ nonce: 4, subject: task(2).taskId, forms });
    await transactions.save({ nonce: 5, subject: undefined, forms });
    expect(await store.sweepTransactions()).toBe(1);
    expect((await transactions.list()).map(({ nonce }) => nonce)).toEqual([3, 5]);
  });
});
