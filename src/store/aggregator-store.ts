/** What an aggregator keeps: how far each chain was read, its tasks, and the answers it has accepted. */
import type { Address, BlockNumber, ChainId, Hash32 } from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { keccak256 } from '../crypto/keccak.js';
import { type AvsRecords, type Backfill, createAvsRecords } from './aggregator-avss.js';
import {
  answerKeyOf,
  backfillKeyOf,
  blockKeyOf,
  blockTaskKeyOf,
  cursorKeyOf,
  finishedKeyOf,
  openKeyOf,
  outputKeyOf,
  payloadKeyOf,
  settledKeyOf,
  taskKeyOf,
} from './aggregator-keys.js';
import {
  type AcceptedAnswer,
  isFinished,
  type NewTask,
  REORGED,
  type StoredTask,
  type TaskChange,
  type TaskKey,
} from './aggregator-records.js';
import {
  type SweepOptions,
  type SweptBatch,
  sweepBlocks,
  sweepTasks,
  sweepTransactions,
  type TaskRecord,
} from './aggregator-sweep.js';
import { createTransactionRecords, type TransactionRecords } from './aggregator-transactions.js';
import type { KeyValueStore, WriteOperation } from './key-value-store.js';
import { createKeyedQueue } from './keyed-queue.js';
import { corruptRecord, decodeJsonRecord } from './record-codec.js';
import { needBytes, putBytes, putJson, readJson, remove } from './records.js';
import { keysBelow, storeKey } from './store-key.js';

/** How many block hashes are kept per chain: more than the deepest reorg that a configuration may allow by default. */
export const KEPT_BLOCKS = 256;

/** A block by which the chain's history is recognised. */
export interface BlockRef {
  readonly number: BlockNumber;
  readonly hash: Hash32;
}

/** Every method throws PonosError STORE_UNAVAILABLE or STORE_CORRUPT. */
export interface AggregatorStore {
  /** The last block whose tasks are stored. */
  cursor(chainId: ChainId): Promise<BlockRef | undefined>;
  /** The newest blocks that were saved, at most `KEPT_BLOCKS`, the newest first. */
  recentBlocks(chainId: ChainId): Promise<BlockRef[]>;
  /**
   * In one atomic write: the block becomes the cursor, and its tasks are stored as pending. A task that
   * is known already stays as it is, unless a reorg had undone it: then it is pending anew, and what was
   * sent for it is still known.
   * @returns the tasks that are to be taken up
   */
  saveBlock(chainId: ChainId, block: BlockRef, tasks: readonly NewTask[]): Promise<StoredTask[]>;
  /**
   * Undoes the blocks above `ancestor` in one atomic write: it becomes the cursor, and their tasks are
   * failed with reason `reorged`, finished ones included. Completed tasks of earlier blocks are pending
   * anew when their result was, or may have been, in one of the undone blocks.
   * @returns the tasks that were changed
   */
  rewind(chainId: ChainId, ancestor: BlockRef, nowMs: number): Promise<StoredTask[]>;
  task(key: TaskKey): Promise<StoredTask | undefined>;
  /** Pending and processing tasks of all chains, by chain and task id; however many there are, without their payloads. */
  unfinishedTasks(): Promise<TaskRecord[]>;
  /**
   * Changes a task that is not finished; a finished one stays as it is.
   * @returns the task as it then is
   * @throws PonosError INTERNAL for a task that was never saved
   */
  updateTask(key: TaskKey, change: TaskChange): Promise<StoredTask>;
  /** Stores an answer; it counts from when this resolves. One per operator and reference timestamp: the first stays. */
  recordAnswer(key: TaskKey, answer: AcceptedAnswer): Promise<void>;
  /** Accepted answers of a task for one reference timestamp, by operator address. */
  answers(key: TaskKey, referenceTimestamp: number): Promise<AcceptedAnswer[]>;
  /** In one atomic write: how far an AVS was back-filled, and the tasks found on the way. As `saveBlock` otherwise. */
  saveBackfill(progress: Backfill, tasks: readonly NewTask[]): Promise<StoredTask[]>;
  readonly avss: AvsRecords;
  /** What this account has on its way on a chain. */
  transactions(chainId: ChainId, account: Address): TransactionRecords;
  /** Removes finished tasks with all that belongs to them, chunk by chunk. */
  sweepTasks(options: SweepOptions): AsyncGenerator<SweptBatch>;
  /** Removes the hashes of a chain's blocks that have `KEPT_BLOCKS` others above them. @returns how many */
  sweepBlocks(chainId: ChainId): Promise<number>;
  /** Removes transactions of tasks that are not kept any more. @returns how many */
  sweepTransactions(): Promise<number>;
}

interface AnswerRecord {
  readonly operator: AcceptedAnswer['operator'];
  readonly outputHash: Hash32;
  readonly resultSignature: ReturnType<typeof toHex>;
  readonly authSignature: ReturnType<typeof toHex>;
  readonly receivedAtMs: number;
}

export function createAggregatorStore(store: KeyValueStore): AggregatorStore {
  const queue = createKeyedQueue();

  async function task(key: TaskKey): Promise<StoredTask | undefined> {
    const record = await readJson<TaskRecord>(store, taskKeyOf(key));
    return record && { ...record, payload: await needBytes(store, payloadKeyOf(key)) };
  }

  /** The task's record and its place in the lists of unfinished or finished ones; the payload never changes. */
  function writeTask({ payload: _payload, ...record }: StoredTask, before?: TaskRecord): WriteOperation[] {
    const [openKey, finishedKey] = [openKeyOf(record), finishedKeyOf(record)];
    return [
      ...(before !== undefined && isFinished(before) ? [remove(finishedKeyOf(before))] : []),
      putJson(taskKeyOf(record), record),
      ...(isFinished(record) ? [remove(openKey), putJson(finishedKey, true)] : [putJson(openKey, true)]),
    ];
  }

  /** The task's place among those whose result is in a block. */
  function settled({ settledAtBlock, ...key }: StoredTask, operation: (key: string) => WriteOperation) {
    return settledAtBlock === undefined ? [] : [operation(settledKeyOf({ ...key, settledAtBlock }))];
  }

  async function saveBlock(
    chainId: ChainId,
    block: BlockRef,
    tasks: readonly NewTask[],
  ): Promise<StoredTask[]> {
    const reference = referenceOf(block);
    const operations = [
      putJson(cursorKeyOf(chainId), reference),
      putJson(blockKeyOf(chainId, block.number), reference),
    ];
    if (block.number >= KEPT_BLOCKS) operations.push(remove(blockKeyOf(chainId, block.number - KEPT_BLOCKS)));
    return saveNew(tasks, operations);
  }

  /** Stores what is not known yet, or known as undone by a reorg, together with `operations`. */
  async function saveNew(
    tasks: readonly NewTask[],
    operations: readonly WriteOperation[],
  ): Promise<StoredTask[]> {
    const fresh: StoredTask[] = [];
    const writes = [...operations];
    for (const created of tasks) {
      const known = await readJson<TaskRecord>(store, taskKeyOf(created));
      if (known !== undefined && !(known.status === 'failed' && known.reason === REORGED)) continue;
      const pending: StoredTask = {
        ...created,
        status: 'pending',
        attempts: known?.attempts ?? 0,
        transactionHash: known?.transactionHash,
        updatedAtMs: created.createdAtMs,
      };
      fresh.push(pending);
      writes.push(
        ...writeTask(pending, known),
        putBytes(payloadKeyOf(pending), pending.payload),
        putJson(blockTaskKeyOf(pending), true),
      );
    }
    await store.batch(writes);
    return fresh;
  }

  async function taskKeysAbove(
    index: 'block-task' | 'settled',
    chainId: ChainId,
    number: number,
  ): Promise<TaskKey[]> {
    const keys: TaskKey[] = [];
    const { lt } = keysBelow(index, chainId);
    for await (const { key } of store.scan({ gte: storeKey(index, chainId, number + 1), lt })) {
      keys.push({ chainId, taskId: key.split('/').at(-2) as TaskKey['taskId'] });
    }
    return keys;
  }

  async function rewind(
    chainId: ChainId,
    ancestor: BlockRef,
    {
      orphaned,
      unsettled,
    }: { readonly orphaned: readonly TaskKey[]; readonly unsettled: readonly TaskKey[] },
    nowMs: number,
  ): Promise<StoredTask[]> {
    const operations = [putJson(cursorKeyOf(chainId), referenceOf(ancestor))];
    const { lt } = keysBelow('block', chainId);
    for await (const { key } of store.scan({ gte: blockKeyOf(chainId, ancestor.number + 1), lt })) {
      operations.push(remove(key));
    }
    const changed: StoredTask[] = [];
    for (const key of orphaned) {
      const orphan = await needTask(key);
      const failed: StoredTask = {
        ...orphan,
        status: 'failed',
        reason: REORGED,
        settledAtBlock: undefined,
        updatedAtMs: nowMs,
      };
      changed.push(failed);
      operations.push(
        ...writeTask(failed, orphan),
        remove(blockTaskKeyOf(failed)),
        ...settled(orphan, remove),
      );
    }
    for (const key of unsettled) {
      const completed = await needTask(key);
      if (completed.blockNumber > ancestor.number) continue;
      const pending: StoredTask = {
        ...completed,
        status: 'pending',
        settledAtBlock: undefined,
        updatedAtMs: nowMs,
      };
      changed.push(pending);
      operations.push(...writeTask(pending, completed), ...settled(completed, remove));
    }
    await store.batch(operations);
    return changed;
  }

  async function needTask(key: TaskKey): Promise<StoredTask> {
    const found = await task(key);
    if (found === undefined) throw corruptRecord(taskKeyOf(key), 'it is missing');
    return found;
  }

  async function updateTask(key: TaskKey, change: TaskChange): Promise<StoredTask> {
    const before = await task(key);
    if (before === undefined) {
      throw new PonosError('INTERNAL', {
        message: 'a task was changed that was never saved',
        facts: { ...key },
      });
    }
    if (isFinished(before)) return before;
    const after = { ...before, ...change };
    await store.batch([...writeTask(after), ...settled(after, (settledKey) => putJson(settledKey, true))]);
    return after;
  }

  async function recordAnswer(key: TaskKey, answer: AcceptedAnswer): Promise<void> {
    const answerKey = answerKeyOf(key, answer);
    if ((await store.get(answerKey)) !== undefined) return;
    const outputHash = toHex<Hash32>(keccak256(answer.output));
    const outputKey = outputKeyOf(key, outputHash);
    const record: AnswerRecord = {
      operator: answer.operator,
      outputHash,
      resultSignature: toHex(answer.resultSignature),
      authSignature: toHex(answer.authSignature),
      receivedAtMs: answer.receivedAtMs,
    };
    // Most operators give the same output: it is stored once, with the first of them.
    const outputKnown = (await store.get(outputKey)) !== undefined;
    await store.batch([
      putJson(answerKey, record),
      ...(outputKnown ? [] : [putBytes(outputKey, answer.output)]),
    ]);
  }

  return {
    cursor: (chainId) => readJson<BlockRef>(store, cursorKeyOf(chainId)),
    async recentBlocks(chainId) {
      const blocks: BlockRef[] = [];
      const newest = { ...keysBelow('block', chainId), reverse: true, limit: KEPT_BLOCKS };
      for await (const { key, value } of store.scan(newest)) {
        blocks.push(decodeJsonRecord<BlockRef>(key, value));
      }
      return blocks;
    },
    saveBlock: (chainId, block, tasks) =>
      queue.run(tasks.map(taskKeyOf), () => saveBlock(chainId, block, tasks)),
    async rewind(chainId, ancestor, nowMs) {
      const orphaned = await taskKeysAbove('block-task', chainId, ancestor.number);
      const unsettled = await taskKeysAbove('settled', chainId, ancestor.number);
      const names = new Set([...orphaned, ...unsettled].map(taskKeyOf));
      return queue.run([...names], () => rewind(chainId, ancestor, { orphaned, unsettled }, nowMs));
    },
    task,
    async unfinishedTasks() {
      const tasks: TaskRecord[] = [];
      for await (const { key } of store.scan(keysBelow('open'))) {
        const [, chainHex, taskId] = key.split('/');
        const found = await readJson<TaskRecord>(
          store,
          taskKeyOf({
            chainId: Number.parseInt(chainHex ?? '', 16) as ChainId,
            taskId: taskId as TaskKey['taskId'],
          }),
        );
        if (found === undefined) throw corruptRecord(key, 'the task it names is missing');
        tasks.push(found);
      }
      return tasks;
    },
    updateTask: (key, change) => queue.run([taskKeyOf(key)], () => updateTask(key, change)),
    recordAnswer: (key, answer) => queue.run([answerKeyOf(key, answer)], () => recordAnswer(key, answer)),
    async answers(key, referenceTimestamp) {
      const answers: AcceptedAnswer[] = [];
      const range = keysBelow('answer', key.chainId, key.taskId, referenceTimestamp);
      for await (const { key: answerKey, value } of store.scan(range)) {
        const record = decodeJsonRecord<AnswerRecord>(answerKey, value);
        answers.push({
          operator: record.operator,
          referenceTimestamp,
          output: await needBytes(store, outputKeyOf(key, record.outputHash)),
          resultSignature: fromHex(record.resultSignature),
          authSignature: fromHex(record.authSignature),
          receivedAtMs: record.receivedAtMs,
        });
      }
      return answers;
    },
    saveBackfill: (progress, tasks) => {
      const operation = putJson(backfillKeyOf(progress.chainId, progress.avs), progress);
      return queue.run(tasks.map(taskKeyOf), () => saveNew(tasks, [operation]));
    },
    avss: createAvsRecords(store),
    transactions: (chainId, account) => createTransactionRecords(store, chainId, account),
    sweepTasks: (options) => sweepTasks(store, queue, options),
    async sweepBlocks(chainId) {
      const cursor = await readJson<BlockRef>(store, cursorKeyOf(chainId));
      return cursor === undefined ? 0 : sweepBlocks(store, chainId, cursor.number - KEPT_BLOCKS + 1);
    },
    sweepTransactions: () => sweepTransactions(store),
  };
}

/** Callers hand over whole blocks; a block's place in its chain is all that is kept. */
function referenceOf({ number, hash }: BlockRef): BlockRef {
  return { number, hash };
}
