/**
 * What an executor has answered. It is the executor's memory of what it signed, and keeps it from
 * ever signing two outputs for one task.
 */
import type { Address, Hash32, Hex, TaskId } from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { keccak256 } from '../crypto/keccak.js';
import type { KeyValueStore } from './key-value-store.js';
import { createKeyedQueue } from './keyed-queue.js';
import {
  corruptRecord,
  decodeJsonRecord,
  decodeRecord,
  encodeJsonRecord,
  encodeRecord,
} from './record-codec.js';
import { storeKey } from './store-key.js';

/** A task as an executor knows it. */
export interface AnswerKey {
  readonly avs: Address;
  readonly operatorSetId: number;
  readonly taskId: TaskId;
}

/** The two signatures of a result, for one reference timestamp. */
export interface ResultSignatures {
  readonly resultSignature: Uint8Array;
  readonly authSignature: Uint8Array;
}

/** An answer as it is to be given. */
export interface Answer extends ResultSignatures {
  /** keccak-256 of the payload. */
  readonly payloadHash: Hash32;
  readonly output: Uint8Array;
  readonly referenceTimestamp: number;
  /** When the answer was made. */
  readonly createdAtMs: number;
  /** When the task ends, by chain time. */
  readonly deadlineSeconds: number;
}

/** What is stored of a task: one output, signed for one or more reference timestamps. */
export interface StoredAnswer {
  readonly payloadHash: Hash32;
  /** keccak-256 of the output. */
  readonly outputHash: Hash32;
  readonly output: Uint8Array;
  readonly signatures: ReadonlyMap<number, ResultSignatures>;
  readonly createdAtMs: number;
  readonly deadlineSeconds: number;
}

export interface ExecutorStore {
  /** @throws PonosError STORE_CORRUPT, STORE_UNAVAILABLE */
  find(key: AnswerKey): Promise<StoredAnswer | undefined>;
  /**
   * Stores an answer and returns what may be given: the answer as stored before, if there is one for
   * this reference timestamp, otherwise this one. It is on the disk when this resolves.
   * @throws PonosError REQUEST_CONFLICT when the task was answered for another payload or with another
   * output; STORE_CORRUPT, STORE_UNAVAILABLE
   */
  saveAnswer(key: AnswerKey, answer: Answer): Promise<StoredAnswer>;
}

/** The small record, kept for as long as the task could be asked again; the output is apart from it. */
interface AnswerRecord {
  readonly payloadHash: Hash32;
  readonly outputHash: Hash32;
  readonly signatures: Readonly<Record<string, { readonly result: Hex; readonly auth: Hex }>>;
  readonly createdAtMs: number;
  readonly deadlineSeconds: number;
}

export function createExecutorStore(store: KeyValueStore): ExecutorStore {
  const queue = createKeyedQueue();

  async function find(key: AnswerKey): Promise<StoredAnswer | undefined> {
    const [answerKey, outputKey] = keysOf(key);
    const record = await store.get(answerKey);
    if (record === undefined) return undefined;
    const output = await store.get(outputKey);
    if (output === undefined) throw corruptRecord(outputKey, 'it is missing');
    return fromRecord(decodeJsonRecord(answerKey, record), decodeRecord(outputKey, output));
  }

  async function saveAnswer(key: AnswerKey, answer: Answer): Promise<StoredAnswer> {
    const stored = await find(key);
    const outputHash = toHex<Hash32>(keccak256(answer.output));
    if (stored !== undefined) {
      refuseConflict(key, stored, answer.payloadHash, outputHash);
      if (stored.signatures.has(answer.referenceTimestamp)) return stored;
    }
    const { resultSignature, authSignature, referenceTimestamp } = answer;
    const merged: StoredAnswer = {
      payloadHash: answer.payloadHash,
      outputHash,
      output: answer.output,
      signatures: new Map([
        ...(stored?.signatures ?? []),
        [referenceTimestamp, { resultSignature, authSignature }],
      ]),
      createdAtMs: stored?.createdAtMs ?? answer.createdAtMs,
      deadlineSeconds: Math.max(stored?.deadlineSeconds ?? 0, answer.deadlineSeconds),
    };
    const [answerKey, outputKey] = keysOf(key);
    await store.batch([
      { type: 'put', key: answerKey, value: encodeJsonRecord(answerKey, toRecord(merged)) },
      ...(stored === undefined
        ? [{ type: 'put', key: outputKey, value: encodeRecord(outputKey, answer.output) } as const]
        : []),
    ]);
    return merged;
  }

  return {
    find,
    saveAnswer: (key, answer) => queue.run([keysOf(key)[0]], () => saveAnswer(key, answer)),
  };
}

function keysOf({ avs, operatorSetId, taskId }: AnswerKey): readonly [answer: string, output: string] {
  return [storeKey('answer', avs, operatorSetId, taskId), storeKey('output', avs, operatorSetId, taskId)];
}

function refuseConflict(key: AnswerKey, stored: StoredAnswer, payloadHash: Hash32, outputHash: Hash32): void {
  const samePayload = stored.payloadHash === payloadHash;
  if (samePayload && stored.outputHash === outputHash) return;
  throw new PonosError('REQUEST_CONFLICT', {
    message: samePayload
      ? 'the task was answered before, with another output'
      : 'the task was answered before, for another payload',
    facts: { avs: key.avs, operatorSetId: key.operatorSetId, taskId: key.taskId },
  });
}

function toRecord(answer: StoredAnswer): AnswerRecord {
  const { payloadHash, outputHash, createdAtMs, deadlineSeconds } = answer;
  const signatures = Object.fromEntries(
    [...answer.signatures].map(([referenceTimestamp, { resultSignature, authSignature }]) => [
      referenceTimestamp,
      { result: toHex(resultSignature), auth: toHex(authSignature) },
    ]),
  );
  return { payloadHash, outputHash, signatures, createdAtMs, deadlineSeconds };
}

function fromRecord(record: AnswerRecord, output: Uint8Array): StoredAnswer {
  const { payloadHash, outputHash, createdAtMs, deadlineSeconds } = record;
  const signatures = new Map(
    Object.entries(record.signatures).map(([referenceTimestamp, { result, auth }]) => [
      Number(referenceTimestamp),
      { resultSignature: fromHex(result), authSignature: fromHex(auth) },
    ]),
  );
  return { payloadHash, outputHash, output, signatures, createdAtMs, deadlineSeconds };
}
