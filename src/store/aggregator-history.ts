/**
 * How far an aggregator has read each chain: the cursor, the blocks to recognise a reorg by, and the tasks of blocks,
 * which come and go with them. Whatever belongs together is one atomic write.
 */
import type { BlockNumber, ChainId, Hash32 } from '../base/brands.js';
import type { Backfill } from './aggregator-avss.js';
import {
  backfillKeyOf,
  blockKeyOf,
  blockTaskKeyOf,
  cursorKeyOf,
  payloadKeyOf,
  taskKeyOf,
} from './aggregator-keys.js';
import { isFinished, type NewTask, REORGED, type StoredTask, type TaskKey } from './aggregator-records.js';
import { readTask, settledPlace, writeTask } from './aggregator-tasks.js';
import type { KeyValueStore, WriteOperation } from './key-value-store.js';
import type { KeyedQueue } from './keyed-queue.js';
import { corruptRecord, decodeJsonRecord } from './record-codec.js';
import { putBytes, putJson, readJson, remove } from './records.js';
import { keysBelow, storeKey } from './store-key.js';

/** How many block hashes are kept per chain: more than the deepest reorg that a configuration may allow by default. */
export const KEPT_BLOCKS = 256;

/** A block by which the chain's history is recognised. */
export interface BlockRef {
  readonly number: BlockNumber;
  readonly hash: Hash32;
}

/** Completed tasks whose result is not on chain any more. */
export interface TakenBack {
  readonly tasks: readonly TaskKey[];
  readonly nowMs: number;
}

/** Every method throws PonosError STORE_UNAVAILABLE or STORE_CORRUPT. */
export interface ChainHistory {
  /** The last block whose tasks are stored. */
  cursor(chainId: ChainId): Promise<BlockRef | undefined>;
  /** The newest blocks that were saved, at most `KEPT_BLOCKS`, the newest first. */
  recentBlocks(chainId: ChainId): Promise<BlockRef[]>;
  /**
   * In one atomic write: the block becomes the cursor, and its tasks are stored as pending. A task that
   * is known already stays as it is, unless a reorg had undone it: then it is pending anew, and what was
   * sent for it is still known. Pending anew are also the completed tasks whose result was taken back.
   * @returns the tasks that are to be taken up
   */
  saveBlock(
    chainId: ChainId,
    block: BlockRef,
    tasks: readonly NewTask[],
    undone?: TakenBack,
  ): Promise<StoredTask[]>;
  /** In one atomic write: how far an AVS was back-filled, and the tasks found on the way. As `saveBlock` otherwise. */
  saveBackfill(progress: Backfill, tasks: readonly NewTask[]): Promise<StoredTask[]>;
  /** Completed tasks whose result was said to be in a block above `above`, up to `upTo` if that is given. */
  settledTasks(chainId: ChainId, above: number, upTo?: number): Promise<TaskKey[]>;
  /** Makes those of the tasks that are completed pending anew. @returns them */
  reopen(undone: TakenBack): Promise<StoredTask[]>;
  /**
   * Undoes the blocks above `ancestor` in one atomic write: it becomes the cursor, and their tasks are
   * failed with reason `reorged`, finished ones included. Completed tasks of earlier blocks are pending
   * anew when their result was, or may have been, in one of the undone blocks.
   * @returns the tasks that were changed
   */
  rewind(chainId: ChainId, ancestor: BlockRef, nowMs: number): Promise<StoredTask[]>;
  /**
   * Forgets in one atomic write how far the chain was read: it is begun anew. Tasks that are not finished, or whose
   * deadline has not passed, are failed with reason `reorged`, and revived when they are found again.
   * @returns the tasks that were changed
   */
  forgetChain(chainId: ChainId, nowMs: number): Promise<StoredTask[]>;
}

export function createChainHistory(store: KeyValueStore, queue: KeyedQueue): ChainHistory {
  /** Stores what is not known yet, or known as undone by a reorg, together with `operations`. */
  async function saveNew(
    tasks: readonly NewTask[],
    operations: readonly WriteOperation[],
  ): Promise<StoredTask[]> {
    const fresh: StoredTask[] = [];
    const writes = [...operations];
    for (const created of tasks) {
      const known = await readTask(store, created);
      if (known !== undefined && !(known.status === 'failed' && known.reason === REORGED)) continue;
      const pending: StoredTask = {
        ...created,
        status: 'pending',
        attempts: known?.attempts ?? 0,
        transactionHash: known?.transactionHash,
        certifiedOutput: known?.certifiedOutput,
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

  /** A change of tasks that are all there. */
  async function changed(
    keys: readonly TaskKey[],
    change: (task: StoredTask) => Changed | undefined,
  ): Promise<Changed> {
    const all: { tasks: StoredTask[]; operations: WriteOperation[] } = { tasks: [], operations: [] };
    for (const key of keys) {
      const before = await readTask(store, key);
      if (before === undefined) throw corruptRecord(taskKeyOf(key), 'it is missing');
      const { tasks, operations } = change(before) ?? { tasks: [], operations: [] };
      all.tasks.push(...tasks);
      all.operations.push(...operations);
    }
    return all;
  }

  async function* keysOf(index: 'block-task' | 'settled', chainId: ChainId, from: number, below?: number) {
    const lt = below === undefined ? keysBelow(index, chainId).lt : storeKey(index, chainId, below);
    for await (const { key } of store.scan({ gte: storeKey(index, chainId, from), lt }))
      yield taskOf(key, chainId);
  }

  async function settledTasks(chainId: ChainId, above: number, upTo?: number): Promise<TaskKey[]> {
    return collect(keysOf('settled', chainId, above + 1, upTo === undefined ? undefined : upTo + 1));
  }

  /** In the queue of these tasks. */
  const inTurn = <T>(tasks: readonly TaskKey[], action: () => Promise<T>) =>
    queue.run([...new Set(tasks.map(taskKeyOf))], action);

  async function forgetBlocks(chainId: ChainId, from: number): Promise<WriteOperation[]> {
    const { lt } = keysBelow('block', chainId);
    const keys = await collect(store.scan({ gte: blockKeyOf(chainId, from), lt }));
    return keys.map(({ key }) => remove(key));
  }

  return {
    cursor: (chainId) => readJson<BlockRef>(store, cursorKeyOf(chainId)),
    async recentBlocks(chainId) {
      const newest = { ...keysBelow('block', chainId), reverse: true, limit: KEPT_BLOCKS };
      const entries = await collect(store.scan(newest));
      return entries.map(({ key, value }) => decodeJsonRecord<BlockRef>(key, value));
    },
    saveBlock: (chainId, block, tasks, undone = { tasks: [], nowMs: 0 }) =>
      inTurn([...tasks, ...undone.tasks], async () => {
        const { number } = block;
        const reference = referenceOf(block);
        const reopened = await changed(undone.tasks, (task) => reopen(task, undone.nowMs));
        const fresh = await saveNew(tasks, [
          putJson(cursorKeyOf(chainId), reference),
          putJson(blockKeyOf(chainId, number), reference),
          ...(number >= KEPT_BLOCKS ? [remove(blockKeyOf(chainId, number - KEPT_BLOCKS))] : []),
          ...reopened.operations,
        ]);
        return [...fresh, ...reopened.tasks];
      }),
    saveBackfill: (progress, tasks) =>
      inTurn(tasks, () => saveNew(tasks, [putJson(backfillKeyOf(progress.chainId, progress.avs), progress)])),
    settledTasks,
    reopen: ({ tasks, nowMs }) =>
      inTurn(tasks, async () => {
        const reopened = await changed(tasks, (task) => reopen(task, nowMs));
        if (reopened.operations.length > 0) await store.batch(reopened.operations);
        return [...reopened.tasks];
      }),
    async rewind(chainId, ancestor, nowMs) {
      const orphans = await collect(keysOf('block-task', chainId, ancestor.number + 1));
      const unsettled = await settledTasks(chainId, ancestor.number);
      return inTurn([...orphans, ...unsettled], async () => {
        const undone = await changed(orphans, (task) => orphan(task, nowMs));
        const isOrphan = new Set(undone.tasks.map(taskKeyOf));
        const reopened = await changed(unsettled, (task) =>
          isOrphan.has(taskKeyOf(task)) ? undefined : reopen(task, nowMs),
        );
        await store.batch([
          putJson(cursorKeyOf(chainId), referenceOf(ancestor)),
          ...(await forgetBlocks(chainId, ancestor.number + 1)),
          ...undone.operations,
          ...reopened.operations,
        ]);
        return [...undone.tasks, ...reopened.tasks];
      });
    },
    async forgetChain(chainId, nowMs) {
      const tasks = await collect(keysOf('block-task', chainId, 0));
      return inTurn(tasks, async () => {
        const undone = await changed(tasks, (task) =>
          isFinished(task) && task.deadlineSeconds * 1_000 < nowMs ? undefined : orphan(task, nowMs),
        );
        await store.batch([
          remove(cursorKeyOf(chainId)),
          ...(await forgetBlocks(chainId, 0)),
          ...undone.operations,
        ]);
        return [...undone.tasks];
      });
    },
  };
}

/** Tasks as they are now, and what writes that. */
interface Changed {
  readonly tasks: readonly StoredTask[];
  readonly operations: readonly WriteOperation[];
}

/** Its block is gone. */
function orphan(task: StoredTask, nowMs: number): Changed {
  const failed: StoredTask = {
    ...task,
    status: 'failed',
    reason: REORGED,
    settledAtBlock: undefined,
    updatedAtMs: nowMs,
  };
  return {
    tasks: [failed],
    operations: [...writeTask(failed, task), remove(blockTaskKeyOf(failed)), ...settledPlace(task, remove)],
  };
}

/** The block with its result is gone; nothing when it is not completed any more. */
function reopen(task: StoredTask, nowMs: number): Changed | undefined {
  if (task.status !== 'completed') return undefined;
  const pending: StoredTask = {
    ...task,
    status: 'pending',
    settledAtBlock: undefined,
    areOutputsSwept: undefined,
    updatedAtMs: nowMs,
  };
  return { tasks: [pending], operations: [...writeTask(pending, task), ...settledPlace(task, remove)] };
}

/** Indexes by block end with the block and the task. */
function taskOf(key: string, chainId: ChainId): TaskKey {
  return { chainId, taskId: key.split('/').at(-2) as TaskKey['taskId'] };
}

/** Callers hand over whole blocks; a block's place in its chain is all that is kept. */
function referenceOf({ number, hash }: BlockRef): BlockRef {
  return { number, hash };
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}
