import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  type BlockNumber,
  blockNumber,
  chainId,
  type Hash32,
  parseAddress,
  parseHash32,
  parseTaskId,
} from '../../../src/base/brands.js';
import { KEPT_BLOCKS } from '../../../src/store/aggregator-history.js';
import type { AcceptedAnswer, NewTask } from '../../../src/store/aggregator-records.js';
import { type AggregatorStore, createAggregatorStore } from '../../../src/store/aggregator-store.js';
import type { KeyValueStore } from '../../../src/store/key-value-store.js';
import { openLevelStore } from '../../../src/store/level-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const l1 = chainId(1);
const holesky = chainId(17_000);
const hash = (n: number): Hash32 => parseHash32(`0x${n.toString(16).padStart(64, '0')}`);
const block = (n: number, fork = 0) => ({ number: blockNumber(n), hash: hash(n + fork * 1_000_000) });

function newTask(
  id: number,
  at: { number: BlockNumber; hash: Hash32 },
  overrides: Partial<NewTask> = {},
): NewTask {
  return {
    chainId: l1,
    taskId: parseTaskId(hash(id)),
    creator: parseAddress(`0x${'11'.repeat(20)}`),
    avs: parseAddress(`0x${'22'.repeat(20)}`),
    operatorSetId: 1,
    referenceTimestamp: 1_000,
    payload: bytes(`payload ${id}`),
    blockNumber: at.number,
    blockHash: at.hash,
    blockTimestampSeconds: 2_000,
    deadlineSeconds: 2_060,
    createdAtMs: 2_001_000,
    ...overrides,
  };
}

function acceptedAnswer(operator: string, overrides: Partial<AcceptedAnswer> = {}): AcceptedAnswer {
  return {
    operator: parseAddress(`0x${operator.repeat(20)}`),
    referenceTimestamp: 1_000,
    output: bytes('output'),
    resultSignature: bytes(`result by ${operator}`),
    authSignature: bytes(`auth by ${operator}`),
    receivedAtMs: 3_000,
    ...overrides,
  };
}

describe('aggregator store', () => {
  let values: KeyValueStore;
  let store: AggregatorStore;

  beforeEach(() => {
    values = createMemoryStore();
    store = createAggregatorStore(values);
  });

  describe('blocks', () => {
    test('default: a chain that was never read has no cursor', async () => {
      expect(await store.cursor(l1)).toBeUndefined();
      expect(await store.recentBlocks(l1)).toEqual([]);
    });

    test('behavior: each chain has its own cursor and blocks, the newest first', async () => {
      await store.saveBlock(l1, block(9), []);
      await store.saveBlock(l1, block(10), []);
      await store.saveBlock(holesky, block(500), []);
      expect(await store.cursor(l1)).toEqual(block(10));
      expect(await store.recentBlocks(l1)).toEqual([block(10), block(9)]);
      expect(await store.recentBlocks(holesky)).toEqual([block(500)]);
    });

    test('behavior: only so many blocks are kept', async () => {
      for (let n = 1; n <= KEPT_BLOCKS + 5; n++) await store.saveBlock(l1, block(n), []);
      const kept = await store.recentBlocks(l1);
      expect(kept).toHaveLength(KEPT_BLOCKS);
      expect(kept.at(-1)).toEqual(block(6));
    });

    test('behavior: a block and its tasks are one write, which happens or does not', async () => {
      await store.saveBlock(l1, block(1), []);
      const failing: KeyValueStore = {
        ...values,
        batch: () => Promise.reject(new Error('disk full')),
      };
      const unlucky = createAggregatorStore(failing);
      await expect(unlucky.saveBlock(l1, block(2), [newTask(7, block(2))])).rejects.toThrow('disk full');
      expect(await store.cursor(l1)).toEqual(block(1));
      expect(await store.unfinishedTasks()).toEqual([]);
    });
  });

  describe('results that were taken back', () => {
    const settle = (id: number, at: number) =>
      store.updateTask(newTask(id, block(5)), {
        status: 'completed',
        settledAtBlock: blockNumber(at),
        updatedAtMs: 1,
      });

    beforeEach(async () => {
      await store.saveBlock(
        l1,
        block(5),
        [1, 2, 3].map((id) => newTask(id, block(5))),
      );
      await settle(1, 6);
      await settle(2, 7);
    });

    test('behavior: completed tasks are found by the block in which their result was at the latest', async () => {
      const ids = async (...range: [number, number?]) =>
        (await store.settledTasks(l1, ...range)).map(({ taskId }) => taskId);
      const [first, second] = [1, 2].map((id) => newTask(id, block(5)).taskId);
      expect(await ids(5)).toEqual([first, second]);
      expect(await ids(5, 6)).toEqual([first]);
      expect(await ids(6, 7)).toEqual([second]);
      expect(await ids(7)).toEqual([]);
    });

    test('behavior: they are pending anew in the write of the block that shows it', async () => {
      const tasks = [newTask(1, block(5)), newTask(3, block(5))];
      const taken = await store.saveBlock(l1, block(6), [newTask(4, block(6))], { tasks, nowMs: 77 });
      expect(taken.map(({ taskId }) => taskId)).toEqual([newTask(4, block(6)).taskId, tasks[0]?.taskId]);
      expect(await store.task(newTask(1, block(5)))).toMatchObject({ status: 'pending', updatedAtMs: 77 });
      expect((await store.task(newTask(1, block(5))))?.settledAtBlock).toBeUndefined();
      expect((await store.settledTasks(l1, 0)).map(({ taskId }) => taskId)).toEqual([
        newTask(2, block(5)).taskId,
      ]);
      expect(await store.unfinishedTasks()).toHaveLength(3);
    });

    test('behavior: or by themselves, and what is not completed stays as it is', async () => {
      const tasks = [1, 3].map((id) => newTask(id, block(5)));
      expect((await store.reopen({ tasks, nowMs: 77 })).map(({ status }) => status)).toEqual(['pending']);
      expect(await store.reopen({ tasks, nowMs: 78 })).toEqual([]);
    });
  });

  describe('a chain that is begun anew', () => {
    test('default: it has no cursor, and what can still be worked on is found again', async () => {
      const nowMs = 2_000_000;
      const past = { deadlineSeconds: 1_000 };
      const living = { deadlineSeconds: 3_000 };
      await store.saveBlock(l1, block(5), [
        newTask(1, block(5), past),
        newTask(2, block(5), living),
        newTask(3, block(5), living),
        newTask(4, block(5), past),
      ]);
      await store.saveBlock(holesky, block(9), [newTask(5, block(9), { chainId: holesky, ...living })]);
      for (const id of [1, 2]) {
        await store.updateTask(newTask(id, block(5)), {
          status: 'completed',
          settledAtBlock: blockNumber(6),
          updatedAtMs: 1,
        });
      }
      const changed = await store.forgetChain(l1, nowMs);
      expect(changed.map(({ taskId }) => taskId)).toEqual(
        [2, 3, 4].map((id) => newTask(id, block(5)).taskId),
      );
      expect(await store.cursor(l1)).toBeUndefined();
      expect(await store.recentBlocks(l1)).toEqual([]);
      expect(await store.task(newTask(1, block(5)))).toMatchObject({ status: 'completed' });
      expect(await store.task(newTask(4, block(5)))).toMatchObject({ status: 'failed', reason: 'reorged' });
      expect((await store.unfinishedTasks()).map(({ chainId: id }) => id)).toEqual([holesky]);
      expect(await store.cursor(holesky)).toEqual(block(9));
      const found = await store.saveBlock(l1, block(7), [
        newTask(2, block(7), living),
        newTask(1, block(7), past),
      ]);
      expect(found.map(({ taskId }) => taskId)).toEqual([newTask(2, block(7)).taskId]);
    });
  });

  describe('tasks', () => {
    test('behavior: new tasks are pending, and come back whole', async () => {
      const created = newTask(7, block(5));
      const pending = { ...created, status: 'pending', attempts: 0, updatedAtMs: created.createdAtMs };
      expect(await store.saveBlock(l1, block(5), [created])).toEqual([pending]);
      expect(await store.task(created)).toEqual(pending);
      expect(await store.task({ chainId: holesky, taskId: created.taskId })).toBeUndefined();
    });

    test('behavior: a block saved twice brings no task twice and resets none', async () => {
      const created = newTask(7, block(5));
      await store.saveBlock(l1, block(5), [created]);
      await store.updateTask(created, { status: 'processing', updatedAtMs: 1 });
      expect(await store.saveBlock(l1, block(5), [created])).toEqual([]);
      expect(await store.task(created)).toMatchObject({ status: 'processing' });
    });

    test('behavior: unfinished tasks of all chains, until they are finished', async () => {
      const tasks = [1, 2, 3].map((id) => newTask(id, block(5)));
      const other = newTask(4, block(9), { chainId: holesky });
      await store.saveBlock(l1, block(5), tasks);
      await store.saveBlock(holesky, block(9), [other]);
      await store.updateTask(newTask(1, block(5)), {
        status: 'completed',
        transactionHash: hash(99),
        updatedAtMs: 1,
      });
      await store.updateTask(newTask(2, block(5)), { status: 'processing', attempts: 1, updatedAtMs: 1 });
      const unfinished = await store.unfinishedTasks();
      expect(unfinished.map(({ taskId, chainId: chain, status }) => [taskId, chain, status])).toEqual([
        [hash(2), l1, 'processing'],
        [hash(3), l1, 'pending'],
        [hash(4), holesky, 'pending'],
      ]);
      // However many wait, their payloads are not held in memory.
      for (const task of unfinished) expect(task).not.toHaveProperty('payload');
    });

    test('behavior: a change of a task reads neither its payload nor writes it', async () => {
      const created = newTask(7, block(5));
      await store.saveBlock(l1, block(5), [created]);
      const touched: string[] = [];
      const watched = createAggregatorStore({
        ...values,
        get: (key) => {
          touched.push(key);
          return values.get(key);
        },
        batch: (operations) => {
          touched.push(...operations.map(({ key }) => key));
          return values.batch(operations);
        },
      });
      expect(await watched.updateTask(created, { status: 'processing', updatedAtMs: 1 })).toMatchObject({
        status: 'processing',
      });
      expect(touched.length).toBeGreaterThan(1);
      expect(touched.filter((key) => key.startsWith('payload/'))).toEqual([]);
      expect((await store.task(created))?.payload).toEqual(created.payload);
    });

    test('behavior: a finished task stays as it is', async () => {
      const created = newTask(7, block(5));
      await store.saveBlock(l1, block(5), [created]);
      const failed = await store.updateTask(created, { status: 'failed', reason: 'expired', updatedAtMs: 5 });
      expect(failed).toMatchObject({ status: 'failed', reason: 'expired', updatedAtMs: 5 });
      expect(await store.updateTask(created, { status: 'completed', updatedAtMs: 6 })).toEqual(failed);
      expect(await store.task(created)).toMatchObject(failed);
    });

    test('behavior: changes at the same time do not undo each other', async () => {
      const created = newTask(7, block(5));
      await store.saveBlock(l1, block(5), [created]);
      await Promise.all([
        store.updateTask(created, { attempts: 3, updatedAtMs: 1 }),
        store.updateTask(created, { status: 'processing', updatedAtMs: 2 }),
        store.updateTask(created, { transactionHash: hash(99), updatedAtMs: 3 }),
      ]);
      expect(await store.task(created)).toMatchObject({
        attempts: 3,
        status: 'processing',
        transactionHash: hash(99),
        updatedAtMs: 3,
      });
    });

    test('error: a task that was never saved cannot be changed', async () => {
      await expect(store.updateTask(newTask(7, block(5)), { updatedAtMs: 1 })).rejects.toMatchObject({
        code: 'INTERNAL',
      });
    });

    test('error: a damaged record is named', async () => {
      await store.saveBlock(l1, block(5), [newTask(7, block(5))]);
      const payloadKey = `payload/${'1'.padStart(16, '0')}/${hash(7)}/`;
      await values.batch([{ type: 'put', key: payloadKey, value: bytes('something else') }]);
      await expect(store.task(newTask(7, block(5)))).rejects.toMatchObject({
        code: 'STORE_CORRUPT',
        facts: { key: payloadKey },
      });
    });
  });

  describe('reorgs', () => {
    test('behavior: blocks above the ancestor and their tasks are undone, finished ones too', async () => {
      const [kept, running, done] = [newTask(1, block(5)), newTask(2, block(6)), newTask(3, block(7))];
      await store.saveBlock(l1, block(5), [kept]);
      await store.saveBlock(l1, block(6), [running]);
      await store.saveBlock(l1, block(7), [done]);
      await store.saveBlock(holesky, block(7), [newTask(4, block(7), { chainId: holesky })]);
      await store.updateTask(done, { status: 'completed', updatedAtMs: 1 });

      const undone = await store.rewind(l1, block(5), 77);
      expect(
        undone.map(({ taskId, status, reason, updatedAtMs }) => [taskId, status, reason, updatedAtMs]),
      ).toEqual([
        [hash(2), 'failed', 'reorged', 77],
        [hash(3), 'failed', 'reorged', 77],
      ]);
      expect(await store.cursor(l1)).toEqual(block(5));
      expect(await store.recentBlocks(l1)).toEqual([block(5)]);
      expect((await store.unfinishedTasks()).map(({ taskId }) => taskId)).toEqual([hash(1), hash(4)]);
    });

    test('behavior: a task that is mined again is pending again, as it now is', async () => {
      const before = newTask(2, block(6));
      await store.saveBlock(l1, block(5), []);
      await store.saveBlock(l1, block(6), [before]);
      const sent = { attempts: 2, transactionHash: hash(99) };
      await store.updateTask(before, { status: 'processing', ...sent, updatedAtMs: 1 });
      await store.rewind(l1, block(5), 77);
      const again = newTask(2, block(7, 1), { referenceTimestamp: 1_500 });
      const [revived] = await store.saveBlock(l1, block(7, 1), [again]);
      expect(revived).toMatchObject({
        status: 'pending',
        attempts: 2,
        transactionHash: hash(99),
        blockNumber: 7,
        referenceTimestamp: 1_500,
      });
      expect(revived?.reason).toBeUndefined();
      const { payload: _payload, ...record } = revived ?? {};
      expect(await store.unfinishedTasks()).toEqual([record]);
      // The place in its former block is forgotten, so that it is undone with the new one only.
      expect(await store.rewind(l1, block(6), 78)).toHaveLength(1);
      expect(await store.rewind(l1, block(5), 79)).toEqual([]);
    });

    test('behavior: a task whose result was in an undone block is pending again, its own block being there', async () => {
      const [kept, early, orphan] = [newTask(1, block(4)), newTask(2, block(4)), newTask(3, block(6))];
      await store.saveBlock(l1, block(4), [kept, early]);
      await store.saveBlock(l1, block(6), [orphan]);
      const completed = { status: 'completed', transactionHash: hash(99), updatedAtMs: 1 } as const;
      await store.updateTask(early, { ...completed, settledAtBlock: blockNumber(5) });
      await store.updateTask(kept, { ...completed, settledAtBlock: blockNumber(7) });
      await store.updateTask(orphan, { ...completed, settledAtBlock: blockNumber(7) });

      const changed = await store.rewind(l1, block(5), 77);
      expect(changed.map(({ taskId, status, reason }) => [taskId, status, reason])).toEqual([
        [hash(3), 'failed', 'reorged'],
        [hash(1), 'pending', undefined],
      ]);
      expect(await store.unfinishedTasks()).toMatchObject([{ taskId: hash(1), transactionHash: hash(99) }]);
      expect(await store.task(early)).toMatchObject({ status: 'completed' });
      // Settled anew in a block that stays, it stays as it is.
      await store.updateTask(kept, { ...completed, settledAtBlock: blockNumber(5) });
      expect(await store.rewind(l1, block(5), 78)).toEqual([]);
    });

    test('behavior: a late change does not bring an undone task back', async () => {
      const created = newTask(2, block(6));
      await store.saveBlock(l1, block(6), [created]);
      await store.rewind(l1, block(5), 77);
      expect(await store.updateTask(created, { status: 'completed', updatedAtMs: 80 })).toMatchObject({
        status: 'failed',
        reason: 'reorged',
      });
    });
  });

  describe('answers', () => {
    const key = newTask(7, block(5));
    const kept = async (referenceTimestamp: number) =>
      Promise.all(
        (await store.answers(key, referenceTimestamp)).map(async ({ outputHash, ...answer }) => ({
          ...answer,
          output: await store.output(key, outputHash),
        })),
      );

    test('behavior: by operator, for the reference timestamp that is asked for', async () => {
      await store.recordAnswer(key, acceptedAnswer('bb'));
      await store.recordAnswer(key, acceptedAnswer('aa', { output: bytes('another') }));
      await store.recordAnswer(key, acceptedAnswer('aa', { referenceTimestamp: 1_500 }));
      expect(await kept(1_000)).toEqual([
        acceptedAnswer('aa', { output: bytes('another') }),
        acceptedAnswer('bb'),
      ]);
      expect(await store.answers(key, 1_500)).toHaveLength(1);
      expect(await store.answers({ ...key, taskId: parseTaskId(hash(8)) }, 1_000)).toEqual([]);
    });

    test('behavior: an answer takes the place of one that did not count any more', async () => {
      const counts = acceptedAnswer('aa', { output: bytes('over the table as it is now') });
      await Promise.all([store.recordAnswer(key, acceptedAnswer('aa')), store.recordAnswer(key, counts)]);
      expect(await kept(1_000)).toEqual([counts]);
    });

    test('behavior: equal outputs are stored once', async () => {
      for (const operator of ['aa', 'bb', 'cc']) await store.recordAnswer(key, acceptedAnswer(operator));
      const outputs: string[] = [];
      for await (const entry of values.scan({ gte: 'output/', lt: 'output0' })) outputs.push(entry.key);
      expect(outputs).toHaveLength(1);
    });
  });

  test('behavior: everything outlives a restart', async () => {
    const folder = await temporaryFolder();
    const options = { dir: folder.path, syncWrites: true };
    const created = newTask(7, block(5));
    const before = await openLevelStore(options);
    const writing = createAggregatorStore(before);
    await writing.saveBlock(l1, block(5), [created]);
    await writing.recordAnswer(created, acceptedAnswer('aa'));
    await before.close();

    const after = await openLevelStore(options);
    const reading = createAggregatorStore(after);
    expect(await reading.cursor(l1)).toEqual(block(5));
    expect(await reading.unfinishedTasks()).toMatchObject([{ taskId: created.taskId }]);
    const task = await reading.task(created);
    expect(task).toMatchObject({ taskId: created.taskId, status: 'pending' });
    expect(Array.from(task?.payload ?? [])).toEqual(Array.from(created.payload));
    const [answer] = await reading.answers(created, 1_000);
    expect(answer?.operator).toBe(acceptedAnswer('aa').operator);
    const output = answer && (await reading.output(created, answer.outputHash));
    expect(Array.from(output ?? [])).toEqual(Array.from(bytes('output')));
    await after.close();
    await folder.remove();
  });
});
