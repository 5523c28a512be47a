/** What an executor keeps of its tasks, and the JSON it is kept as. */
import type { Address, Hash32, Hex, TaskId } from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';

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

/** What an operator has signed for a task, without the bytes: enough to never sign another output for it. */
export interface Commitment {
  /** keccak-256 of the payload. */
  readonly payloadHash: Hash32;
  /** keccak-256 of the output. */
  readonly outputHash: Hash32;
  /** When the task was answered first. */
  readonly createdAtMs: number;
  /** When the task ends, by chain time. */
  readonly deadlineSeconds: number;
}

/** What is stored of a task: one output, signed for one or more reference timestamps. */
export interface StoredAnswer extends Commitment {
  /** Undefined once retention has taken it away, and for a task that was answered by another store. */
  readonly output: Uint8Array | undefined;
  readonly signatures: ReadonlyMap<number, ResultSignatures>;
}

/** One line of the slashing protection. */
export interface AnsweredTask extends AnswerKey, Commitment {
  readonly isOutputKept: boolean;
}

/** A task that is worked on and not answered yet. */
export interface TaskUnderWay {
  readonly payloadHash: Hash32;
  readonly referenceTimestamp: number;
  readonly startedAtMs: number;
}

/** The small record, kept for as long as the task could be accepted again; the output is apart from it. */
export interface AnswerRecord extends Commitment {
  readonly signatures: Readonly<Record<string, { readonly result: Hex; readonly auth: Hex }>>;
  /** Only there when the output is not, so that an output that is missing otherwise is seen as lost. */
  readonly isOutputGone?: true;
}

export function toRecord(answer: StoredAnswer): AnswerRecord {
  const { payloadHash, outputHash, createdAtMs, deadlineSeconds, output } = answer;
  const signatures = Object.fromEntries(
    [...answer.signatures].map(([referenceTimestamp, { resultSignature, authSignature }]) => [
      referenceTimestamp,
      { result: toHex(resultSignature), auth: toHex(authSignature) },
    ]),
  );
  const record = { payloadHash, outputHash, signatures, createdAtMs, deadlineSeconds };
  return output === undefined ? { ...record, isOutputGone: true } : record;
}

export function fromRecord(record: AnswerRecord, output: Uint8Array | undefined): StoredAnswer {
  const signatures = new Map(
    Object.entries(record.signatures).map(([referenceTimestamp, { result, auth }]) => [
      Number(referenceTimestamp),
      { resultSignature: fromHex(result), authSignature: fromHex(auth) },
    ]),
  );
  return { ...commitmentOf(record), output, signatures };
}

/** The commitment alone, without what else an object of that shape holds. */
export function commitmentOf(of: Commitment): Commitment {
  const { payloadHash, outputHash, createdAtMs, deadlineSeconds } = of;
  return { payloadHash, outputHash, createdAtMs, deadlineSeconds };
}
