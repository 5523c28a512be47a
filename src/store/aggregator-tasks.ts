/** Where the parts of a task are: its record, its payload, and its places in the lists of tasks. */
import { finishedKeyOf, openKeyOf, payloadKeyOf, settledKeyOf, taskKeyOf } from './aggregator-keys.js';
import { isFinished, type StoredTask, type TaskKey, type TaskRecord } from './aggregator-records.js';
import type { KeyValueStore, WriteOperation } from './key-value-store.js';
import { needBytes, putJson, readJson, remove } from './records.js';

/** @throws PonosError STORE_UNAVAILABLE, STORE_CORRUPT */
export async function readTask(store: KeyValueStore, key: TaskKey): Promise<StoredTask | undefined> {
  const record = await readJson<TaskRecord>(store, taskKeyOf(key));
  return record && { ...record, payload: await needBytes(store, payloadKeyOf(key)) };
}

/**
 * The task's record and its place in the lists of unfinished or finished ones; the payload never changes.
 * @param before the record as it is stored, if there is one; what is right of its places stays untouched
 */
export function writeTask(
  { payload: _payload, ...record }: TaskRecord & Partial<Pick<StoredTask, 'payload'>>,
  before?: TaskRecord,
): WriteOperation[] {
  const [openKey, finishedKey] = [openKeyOf(record), finishedKeyOf(record)];
  const wasFinished = before !== undefined && isFinished(before);
  const wasOpen = before !== undefined && !wasFinished;
  return [
    ...(wasFinished ? [remove(finishedKeyOf(before))] : []),
    putJson(taskKeyOf(record), record),
    ...(isFinished(record) ? [remove(openKey), putJson(finishedKey, true)] : []),
    ...(isFinished(record) || wasOpen ? [] : [putJson(openKey, true)]),
  ];
}

/** The task's place among those whose result is in a block. */
export function settledPlace(
  { settledAtBlock, ...key }: TaskRecord,
  operation: (key: string) => WriteOperation,
): WriteOperation[] {
  return settledAtBlock === undefined ? [] : [operation(settledKeyOf({ ...key, settledAtBlock }))];
}
