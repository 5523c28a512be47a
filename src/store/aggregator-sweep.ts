/** Taking finished tasks out of the store, a few at a time, so that nothing else waits for it. */
import type { ChainId } from '../base/brands.js';
import { isPonosError } from '../base/error.js';
import {
  blockKeyOf,
  blockTaskKeyOf,
  chainOfKey,
  finishedKeyOf,
  payloadKeyOf,
  settledKeyOf,
  taskKeyOf,
  taskOfFinishedKey,
} from './aggregator-keys.js';
import { isFinished, type TaskKey, type TaskRecord } from './aggregator-records.js';
import type { KeyRange, KeyValueStore, WriteOperation } from './key-value-store.js';
import type { KeyedQueue } from './keyed-queue.js';
import { readJson, remove } from './records.js';
import { keysBelow, storeKey } from './store-key.js';

/** What one write has removed. */
export interface SweptBatch {
  readonly tasks: number;
  /** Records of any kind. */
  readonly records: number;
  /** Tasks that stay because their record cannot be read. */
  readonly damaged: number;
}

export interface SweepOptions {
  /** Only tasks that ended before this are looked at. */
  readonly endedBeforeMs: number;
  /** Whether a task that is old enough may leave. */
  readonly mayLeave: (task: TaskRecord) => boolean;
}

/** Tasks that are looked at together. */
const CHUNK = 32;
/** Removals that one write holds, unless a single task has more. */
const MOST_OPERATIONS = 512;

/** Yields after each chunk of tasks. @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
export async function* sweepTasks(
  store: KeyValueStore,
  queue: KeyedQueue,
  { endedBeforeMs, mayLeave }: SweepOptions,
): AsyncGenerator<SweptBatch> {
  const { gte } = keysBelow('finished');
  const lt = storeKey('finished', Math.max(0, endedBeforeMs));
  yield* inChunks(store, queue, { gte, lt }, (chunk) => removeChunk(store, chunk, mayLeave));
}

/** Goes through finished tasks, a few at a time: no task is changed between the look at it and what follows from it. */
export async function* inChunks<T>(
  store: KeyValueStore,
  queue: KeyedQueue,
  { gte, lt }: Pick<KeyRange, 'gte' | 'lt'>,
  action: (finishedKeys: readonly string[]) => Promise<T>,
): AsyncGenerator<T> {
  let from = gte;
  for (;;) {
    const chunk: string[] = [];
    for await (const { key } of store.scan({ gte: from, lt, limit: CHUNK })) chunk.push(key);
    const last = chunk.at(-1);
    if (last === undefined) return;
    const names = chunk.map((finishedKey) => taskKeyOf(taskOfFinishedKey(finishedKey)));
    yield await queue.run(names, () => action(chunk));
    // Those that stay where they are are passed by.
    from = `${last}!`;
  }
}

async function removeChunk(
  store: KeyValueStore,
  chunk: readonly string[],
  mayLeave: SweepOptions['mayLeave'],
): Promise<SweptBatch> {
  let [tasks, records, damaged] = [0, 0, 0];
  let operations: WriteOperation[] = [];
  const write = async () => {
    if (operations.length > 0) await store.batch(operations);
    records += operations.length;
    operations = [];
  };
  for (const finishedKey of chunk) {
    const key = taskOfFinishedKey(finishedKey);
    const record = await readTaskRecord(store, key);
    if (record === 'damaged') {
      damaged += 1;
      continue;
    }
    // An entry that a newer one has replaced says nothing of the task.
    const isCurrent = record !== undefined && finishedKeyOf(record) === finishedKey;
    if (!isCurrent) operations.push(remove(finishedKey));
    else if (isFinished(record) && mayLeave(record)) {
      operations.push(...(await removalOf(store, record)));
      tasks += 1;
    }
    if (operations.length >= MOST_OPERATIONS) await write();
  }
  await write();
  return { tasks, records, damaged };
}

/** One bad record must not keep all others in the store for ever. */
export async function readTaskRecord(
  store: KeyValueStore,
  key: TaskKey,
): Promise<TaskRecord | undefined | 'damaged'> {
  try {
    return await readJson<TaskRecord>(store, taskKeyOf(key));
  } catch (error) {
    if (isPonosError(error, 'STORE_CORRUPT')) return 'damaged';
    throw error;
  }
}

async function removalOf(store: KeyValueStore, record: TaskRecord): Promise<WriteOperation[]> {
  const { settledAtBlock, chainId, taskId } = record;
  const operations = [
    remove(taskKeyOf(record)),
    remove(payloadKeyOf(record)),
    remove(blockTaskKeyOf(record)),
    remove(finishedKeyOf(record)),
    ...(settledAtBlock === undefined ? [] : [remove(settledKeyOf({ chainId, taskId, settledAtBlock }))]),
  ];
  for (const kind of ['answer', 'output'] as const) {
    for await (const { key } of store.scan(keysBelow(kind, chainId, taskId))) operations.push(remove(key));
  }
  return operations;
}

/**
 * Block hashes below a number: catching up by ranges leaves some behind.
 * @returns how many were removed
 * @throws PonosError STORE_UNAVAILABLE
 */
export async function sweepBlocks(store: KeyValueStore, chainId: ChainId, below: number): Promise<number> {
  const { gte } = keysBelow('block', chainId);
  return removeRange(store, { gte, lt: blockKeyOf(chainId, Math.max(0, below)) });
}

/**
 * Transactions whose task has left: an account that is not used any more has nobody else to clear up after it.
 * @returns how many were removed
 * @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT
 */
export async function sweepTransactions(store: KeyValueStore): Promise<number> {
  const operations: WriteOperation[] = [];
  for await (const { key } of store.scan(keysBelow('transaction'))) {
    const { subject } = (await readJson<{ subject?: TaskKey['taskId'] }>(store, key)) ?? {};
    if (subject === undefined) continue;
    const task = { chainId: chainOfKey(key), taskId: subject };
    if ((await store.get(taskKeyOf(task))) === undefined) operations.push(remove(key));
  }
  if (operations.length > 0) await store.batch(operations);
  return operations.length;
}

async function removeRange(store: KeyValueStore, range: KeyRange): Promise<number> {
  let removed = 0;
  for (;;) {
    const operations: WriteOperation[] = [];
    for await (const { key } of store.scan({ ...range, limit: MOST_OPERATIONS }))
      operations.push(remove(key));
    if (operations.length > 0) await store.batch(operations);
    removed += operations.length;
    if (operations.length < MOST_OPERATIONS) return removed;
  }
}
