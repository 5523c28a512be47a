/**
 * Taking outputs out of the store before the tasks they belong to: each executor may have given another one, all as long
 * as is allowed, and a single hostile one would fill the disk within the days that finished tasks are kept.
 */
import type { Hash32 } from '../base/brands.js';
import { isPonosError } from '../base/error.js';
import { outputKeyOf, taskKeyOf, taskOfFinishedKey } from './aggregator-keys.js';
import { isFinished, type TaskKey, type TaskRecord } from './aggregator-records.js';
import { inChunks, readTaskRecord, type SweepOptions } from './aggregator-sweep.js';
import type { KeyValueStore, WriteOperation } from './key-value-store.js';
import type { KeyedQueue } from './keyed-queue.js';
import { decodeJsonRecord } from './record-codec.js';
import { putJson, readable, remove } from './records.js';
import { keysBelow, storeKey } from './store-key.js';

/** What one write has removed. */
export interface SweptOutputs {
  readonly outputs: number;
  /** When the first task ended that is to be looked at again; undefined when there is none. */
  readonly waitsSinceMs: number | undefined;
}

export interface OutputSweepOptions {
  /** Only tasks that ended at this time or later are looked at. */
  readonly endedFromMs: number;
  /** Whether nothing can bring a task back. */
  readonly mayLeave: SweepOptions['mayLeave'];
}

/** Yields after each chunk of tasks. @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
export function sweepOutputs(
  store: KeyValueStore,
  queue: KeyedQueue,
  { endedFromMs, mayLeave }: OutputSweepOptions,
): AsyncGenerator<SweptOutputs> {
  const { lt } = keysBelow('finished');
  const range = { gte: storeKey('finished', endedFromMs), lt };
  return inChunks(store, queue, range, (chunk) => sweepChunk(store, chunk, mayLeave));
}

async function sweepChunk(
  store: KeyValueStore,
  chunk: readonly string[],
  mayLeave: SweepOptions['mayLeave'],
): Promise<SweptOutputs> {
  let outputs = 0;
  let waitsSinceMs: number | undefined;
  const operations: WriteOperation[] = [];
  for (const finishedKey of chunk) {
    const task = await readTaskRecord(store, taskOfFinishedKey(finishedKey));
    // What is to be said of a damaged one the sweep of tasks says.
    if (task === undefined || task === 'damaged' || task.areOutputsSwept || !isFinished(task)) continue;
    if (!mayLeave(task)) {
      waitsSinceMs ??= task.updatedAtMs;
      continue;
    }
    const superfluous = await superfluousOutputs(store, task);
    outputs += superfluous.length;
    operations.push(...superfluous.map((hash) => remove(outputKeyOf(task, hash))));
    // Kept, so that no later run reads all answers again.
    operations.push(putJson(taskKeyOf(task), { ...task, areOutputsSwept: true }));
  }
  if (operations.length > 0) await store.batch(operations);
  return { outputs, waitsSinceMs };
}

async function superfluousOutputs(store: KeyValueStore, task: TaskRecord): Promise<Hash32[]> {
  const { transactionHash, certifiedOutput } = task;
  // Stores of earlier versions do not say which one was certified.
  if (transactionHash !== undefined && certifiedOutput === undefined) return [];
  const given = await outputsOf(store, task);
  given.delete(certifiedOutput);
  return [...given] as Hash32[];
}

/** By hash, without reading them. */
async function outputsOf(
  store: KeyValueStore,
  { chainId, taskId }: TaskKey,
): Promise<Set<Hash32 | undefined>> {
  const hashes = new Set<Hash32 | undefined>();
  for await (const { key, value } of store.scan(keysBelow('answer', chainId, taskId))) {
    const answer = readable(() => decodeJsonRecord<{ readonly outputHash: Hash32 }>(key, value));
    // A damaged one must not keep all others in the store.
    if (!isPonosError(answer)) hashes.add(answer.outputHash);
  }
  return hashes;
}
