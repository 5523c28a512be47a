/**
 * What an executor has answered, and what it is working on. It is the executor's memory of what it signed, and keeps
 * it from ever signing two outputs for one task.
 */
import { type Hash32, parseAddress, parseTaskId } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import { isPonosError, PonosError } from '../base/error.js';
import { keccak256 } from '../crypto/keccak.js';
import {
  type Answer,
  type AnsweredTask,
  type AnswerKey,
  type AnswerRecord,
  type Commitment,
  commitmentOf,
  fromRecord,
  type StoredAnswer,
  type TaskUnderWay,
  toRecord,
} from './executor-records.js';
import type { Entry, KeyValueStore, WriteOperation } from './key-value-store.js';
import { createKeyedQueue } from './keyed-queue.js';
import { corruptRecord, decodeJsonRecord } from './record-codec.js';
import { putBytes, putJson, readable, readBytes, readJson, remove } from './records.js';
import { keysBelow, storeKey } from './store-key.js';

/** What retention takes away of an answered task. */
export type Leaving = 'nothing' | 'output' | 'everything';

export interface SweepPage {
  /** Where the last page ended; undefined begins anew. */
  readonly after: string | undefined;
  /** Small records that are looked at. */
  readonly limit: number;
  readonly judge: (task: AnsweredTask) => Leaving;
}

export interface SweptPage {
  /** Where the next page begins; undefined when this was the last one. */
  readonly next: string | undefined;
  readonly outputs: number;
  readonly records: number;
  /** Records that could not be read, and were left as they are. */
  readonly damaged: readonly PonosError[];
}

export interface ExecutorStore {
  /** @throws PonosError STORE_CORRUPT, STORE_UNAVAILABLE */
  find(key: AnswerKey): Promise<StoredAnswer | undefined>;
  /**
   * Stores an answer and returns what may be given: the answer as stored before, if there is one for
   * this reference timestamp, otherwise this one. It is on the disk when this resolves, and the task is no
   * longer under way.
   * @throws PonosError REQUEST_CONFLICT when the task was answered for another payload or with another
   * output; STORE_CORRUPT, STORE_UNAVAILABLE
   */
  saveAnswer(key: AnswerKey, answer: Answer): Promise<StoredAnswer & { readonly output: Uint8Array }>;
  /** Notes that work on a task begins. @throws PonosError STORE_UNAVAILABLE */
  begin(key: AnswerKey, task: TaskUnderWay): Promise<void>;
  /** Notes that work has ended without an answer. @throws PonosError STORE_UNAVAILABLE */
  giveUp(key: AnswerKey): Promise<void>;
  /**
   * What was under way when the process that wrote this ended; the notes of it go. Damaged ones are passed over.
   * @throws PonosError STORE_UNAVAILABLE
   */
  takeAbandoned(): Promise<readonly (AnswerKey & TaskUnderWay)[]>;
  /**
   * Takes up what the operator has signed by another store, in one write: with a part of it a node would start and sign
   * the rest once more. The outputs do not come along: such a task is refused from then on.
   * @returns how many of the tasks are new here
   * @throws PonosError REQUEST_CONFLICT when there is another payload or output for one of them; STORE_CORRUPT,
   * STORE_UNAVAILABLE
   */
  mergeAnswered(tasks: readonly (AnswerKey & Commitment)[]): Promise<number>;
  /** Takes away what has been kept for long enough, one page of the records. @throws PonosError STORE_UNAVAILABLE */
  sweep(page: SweepPage): Promise<SweptPage>;
}

/** Of the small records of what was signed. */
export const ANSWERED = 'answer';
const UNDER_WAY = 'under-way';

export function createExecutorStore(store: KeyValueStore): ExecutorStore {
  const queue = createKeyedQueue();

  /** Reading, deciding and writing what concerns one task as one step. */
  const alone = <T>(key: AnswerKey, action: () => Promise<T>) => queue.run([keysOf(key).answer], action);

  const readRecord = (key: string) => readJson<AnswerRecord>(store, key);

  async function find(key: AnswerKey): Promise<StoredAnswer | undefined> {
    const keys = keysOf(key);
    const record = await readRecord(keys.answer);
    if (record === undefined || record.isOutputGone) return record && fromRecord(record, undefined);
    const output = await readBytes(store, keys.output);
    if (output !== undefined) return fromRecord(record, output);
    // Retention may have come in between the two reads.
    const again = await readRecord(keys.answer);
    if (again === undefined || again.isOutputGone) return again && fromRecord(again, undefined);
    throw corruptRecord(keys.output, 'it is missing');
  }

  async function saveAnswer(key: AnswerKey, answer: Answer) {
    const { output, payloadHash, resultSignature, authSignature, referenceTimestamp } = answer;
    const stored = await find(key);
    const outputHash = toHex<Hash32>(keccak256(output));
    if (stored !== undefined) {
      refuseConflict(key, stored, { payloadHash, outputHash });
      if (stored.output && stored.signatures.has(referenceTimestamp)) return { ...stored, output };
    }
    const signatures = new Map(stored?.signatures);
    // The first ones stay: another caller may have them already.
    if (!signatures.has(referenceTimestamp))
      signatures.set(referenceTimestamp, { resultSignature, authSignature });
    const merged = {
      payloadHash,
      outputHash,
      output,
      signatures,
      createdAtMs: stored?.createdAtMs ?? answer.createdAtMs,
      deadlineSeconds: Math.max(stored?.deadlineSeconds ?? 0, answer.deadlineSeconds),
    };
    const keys = keysOf(key);
    await store.batch([
      putJson(keys.answer, toRecord(merged)),
      remove(keys.underWay),
      ...(stored?.output === undefined ? [putBytes(keys.output, output)] : []),
    ]);
    return merged;
  }

  async function mergeAnswered(tasks: readonly (AnswerKey & Commitment)[]): Promise<number> {
    const merged = new Map<string, AnswerRecord>();
    let added = 0;
    for (const task of tasks) {
      const key = keysOf(task).answer;
      const known = merged.get(key) ?? (await readRecord(key));
      if (known === undefined) added += 1;
      else refuseConflict(task, known, task);
      merged.set(key, {
        ...(known ?? { ...commitmentOf(task), signatures: {}, isOutputGone: true }),
        createdAtMs: Math.min(known?.createdAtMs ?? task.createdAtMs, task.createdAtMs),
        deadlineSeconds: Math.max(known?.deadlineSeconds ?? 0, task.deadlineSeconds),
      });
    }
    await store.batch([...merged].map(([key, record]) => putJson(key, record)));
    return added;
  }

  async function takeAbandoned() {
    const found: (AnswerKey & TaskUnderWay)[] = [];
    const operations: WriteOperation[] = [];
    for await (const { key, value } of store.scan(keysBelow(UNDER_WAY))) {
      const task = readable(() => ({ ...parseKey(key), ...decodeJsonRecord<TaskUnderWay>(key, value) }));
      // Nothing hangs on a damaged note: `verify` names it, and it must not keep a node from starting.
      if (isPonosError(task)) continue;
      found.push(task);
      operations.push(remove(key));
    }
    if (operations.length > 0) await store.batch(operations);
    return found;
  }

  /** Judged once more as one step with the removal: the task may have been asked for again meanwhile. */
  function takeAway(task: AnsweredTask, judge: SweepPage['judge']): Promise<Leaving> {
    return alone(task, async () => {
      const keys = keysOf(task);
      const record = await readRecord(keys.answer);
      if (record === undefined) return 'nothing';
      const leaving = judge(answeredTask(keys.answer, record));
      const bare: AnswerRecord = { ...record, isOutputGone: true };
      const output = record.isOutputGone ? [] : [remove(keys.output)];
      if (leaving === 'everything') await store.batch([remove(keys.answer), ...output]);
      else if (leaving === 'output') await store.batch([putJson(keys.answer, bare), ...output]);
      return leaving;
    });
  }

  async function sweep({ after, limit, judge }: SweepPage): Promise<SweptPage> {
    const all = keysBelow(ANSWERED);
    const gte = after === undefined ? all.gte : `${after}!`; // above `after` itself, below all that follow
    const due: AnsweredTask[] = [];
    const damaged: PonosError[] = [];
    let seen = 0;
    let last: string | undefined;
    for await (const { key, value } of store.scan({ ...all, gte, limit })) {
      seen += 1;
      last = key;
      const task = readable(() => answeredTask(key, decodeJsonRecord(key, value)));
      if (isPonosError(task)) damaged.push(task);
      else if (judge(task) !== 'nothing') due.push(task);
    }
    const left = await Promise.all(due.map((task) => takeAway(task, judge)));
    const records = left.filter((leaving) => leaving === 'everything').length;
    const outputs = left.filter((leaving, n) => leaving !== 'nothing' && due[n]?.isOutputKept).length;
    return { next: seen === limit ? last : undefined, outputs, records, damaged };
  }

  return {
    find,
    saveAnswer: (key, answer) => alone(key, () => saveAnswer(key, answer)),
    begin: (key, task) => store.batch([putJson(keysOf(key).underWay, task)]),
    giveUp: (key) => store.batch([remove(keysOf(key).underWay)]),
    takeAbandoned,
    mergeAnswered: (tasks) =>
      queue.run([...new Set(tasks.map((task) => keysOf(task).answer))], () => mergeAnswered(tasks)),
    sweep,
  };
}

function keysOf({ avs, operatorSetId, taskId }: AnswerKey) {
  return {
    answer: storeKey(ANSWERED, avs, operatorSetId, taskId),
    output: storeKey('output', avs, operatorSetId, taskId),
    underWay: storeKey(UNDER_WAY, avs, operatorSetId, taskId),
  };
}

/** The task that a key of any of the namespaces is about. @throws PonosError STORE_CORRUPT */
function parseKey(key: string): AnswerKey {
  const [, avs = '', operatorSetId = '', taskId = ''] = key.split('/');
  try {
    return {
      avs: parseAddress(avs),
      operatorSetId: Number.parseInt(operatorSetId, 16),
      taskId: parseTaskId(taskId),
    };
  } catch (cause) {
    throw corruptRecord(key, 'its key names no task', cause);
  }
}

/** Each of the small records, read. @throws PonosError STORE_CORRUPT, and what `entries` throws */
export async function* answeredTasks(entries: AsyncIterable<Entry>): AsyncGenerator<AnsweredTask> {
  for await (const { key, value } of entries) yield answeredTask(key, decodeJsonRecord(key, value));
}

function answeredTask(key: string, record: AnswerRecord): AnsweredTask {
  return { ...parseKey(key), ...commitmentOf(record), isOutputKept: !record.isOutputGone };
}

type Signed = Pick<Commitment, 'payloadHash' | 'outputHash'>;

function refuseConflict({ avs, operatorSetId, taskId }: AnswerKey, stored: Signed, asked: Signed): void {
  const samePayload = stored.payloadHash === asked.payloadHash;
  if (samePayload && stored.outputHash === asked.outputHash) return;
  throw new PonosError('REQUEST_CONFLICT', {
    message: samePayload
      ? 'the task was answered before, with another output'
      : 'the task was answered before, for another payload',
    facts: { avs, operatorSetId, taskId },
  });
}
