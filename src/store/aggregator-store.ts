/** What an aggregator keeps: how far each chain was read, its tasks, and the answers it has accepted. */
import type { Address, ChainId, Hash32 } from '../base/brands.js';
import { fromHex, toHex } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { keccak256 } from '../crypto/keccak.js';
import { type AvsRecords, createAvsRecords } from './aggregator-avss.js';
import { type BlockRef, type ChainHistory, createChainHistory, KEPT_BLOCKS } from './aggregator-history.js';
import { answerKeyOf, cursorKeyOf, outputKeyOf, taskKeyOf, taskOfKey } from './aggregator-keys.js';
import { type OutputSweepOptions, type SweptOutputs, sweepOutputs } from './aggregator-outputs.js';
import {
  type AcceptedAnswer,
  isFinished,
  type KeptAnswer,
  type StoredTask,
  type TaskChange,
  type TaskKey,
  type TaskRecord,
} from './aggregator-records.js';
import {
  type SweepOptions,
  type SweptBatch,
  sweepBlocks,
  sweepTasks,
  sweepTransactions,
} from './aggregator-sweep.js';
import { readTask, settledPlace, writeTask } from './aggregator-tasks.js';
import { createTransactionRecords, type TransactionRecords } from './aggregator-transactions.js';
import type { KeyValueStore } from './key-value-store.js';
import { createKeyedQueue } from './keyed-queue.js';
import { corruptRecord, decodeJsonRecord } from './record-codec.js';
import { putBytes, putJson, readBytes, readJson } from './records.js';
import { keysBelow } from './store-key.js';

/** Every method throws PonosError STORE_UNAVAILABLE or STORE_CORRUPT. */
export interface AggregatorStore extends ChainHistory {
  task(key: TaskKey): Promise<StoredTask | undefined>;
  /** Pending and processing tasks of all chains, by chain and task id; however many there are, without their payloads. */
  unfinishedTasks(): Promise<TaskRecord[]>;
  /** Every task that is kept, by chain and task id, without its payload. */
  taskRecords(): AsyncIterable<TaskRecord>;
  /**
   * Changes a task that is not finished; a finished one stays as it is.
   * @returns the task as it then is, without its payload, which is not read
   * @throws PonosError INTERNAL for a task that was never saved
   */
  updateTask(key: TaskKey, change: TaskChange): Promise<TaskRecord>;
  /**
   * Stores an answer; it counts from when this resolves. One per operator and reference timestamp: it takes the place of
   * one that did not count any more.
   * @returns the hash of its output, for `output`
   */
  recordAnswer(key: TaskKey, answer: AcceptedAnswer): Promise<Hash32>;
  /** Accepted answers of a task for one reference timestamp, by operator address. */
  answers(key: TaskKey, referenceTimestamp: number): Promise<KeptAnswer[]>;
  /** An output that was stored with an answer; undefined when it has left before the answer. */
  output(key: TaskKey, outputHash: Hash32): Promise<Uint8Array | undefined>;
  readonly avss: AvsRecords;
  /** What this account has on its way on a chain. */
  transactions(chainId: ChainId, account: Address): TransactionRecords;
  /** Removes finished tasks with all that belongs to them, chunk by chunk. */
  sweepTasks(options: SweepOptions): AsyncGenerator<SweptBatch>;
  /** Removes the outputs of finished tasks, other than the certified one, chunk by chunk. */
  sweepOutputs(options: OutputSweepOptions): AsyncGenerator<SweptOutputs>;
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

  const task = (key: TaskKey) => readTask(store, key);

  async function updateTask(key: TaskKey, change: TaskChange): Promise<TaskRecord> {
    const before = await readJson<TaskRecord>(store, taskKeyOf(key));
    if (before === undefined) {
      throw new PonosError('INTERNAL', {
        message: 'a task was changed that was never saved',
        facts: { ...key },
      });
    }
    if (isFinished(before)) return before;
    const after = { ...before, ...change };
    await store.batch([
      ...writeTask(after, before),
      ...settledPlace(after, (settledKey) => putJson(settledKey, true)),
    ]);
    return after;
  }

  async function recordAnswer(key: TaskKey, answer: AcceptedAnswer): Promise<Hash32> {
    const answerKey = answerKeyOf(key, answer);
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
    return outputHash;
  }

  return {
    ...createChainHistory(store, queue),
    task,
    async unfinishedTasks() {
      const tasks: TaskRecord[] = [];
      for await (const { key } of store.scan(keysBelow('open'))) {
        const found = await readJson<TaskRecord>(store, taskKeyOf(taskOfKey(key)));
        if (found === undefined) throw corruptRecord(key, 'the task it names is missing');
        tasks.push(found);
      }
      return tasks;
    },
    async *taskRecords() {
      for await (const { key, value } of store.scan(keysBelow('task'))) yield decodeJsonRecord(key, value);
    },
    updateTask: (key, change) => queue.run([taskKeyOf(key)], () => updateTask(key, change)),
    recordAnswer: (key, answer) => queue.run([answerKeyOf(key, answer)], () => recordAnswer(key, answer)),
    async answers(key, referenceTimestamp) {
      const answers: KeptAnswer[] = [];
      const range = keysBelow('answer', key.chainId, key.taskId, referenceTimestamp);
      for await (const { key: answerKey, value } of store.scan(range)) {
        const record = decodeJsonRecord<AnswerRecord>(answerKey, value);
        answers.push({
          operator: record.operator,
          referenceTimestamp,
          outputHash: record.outputHash,
          resultSignature: fromHex(record.resultSignature),
          authSignature: fromHex(record.authSignature),
          receivedAtMs: record.receivedAtMs,
        });
      }
      return answers;
    },
    output: (key, outputHash) => readBytes(store, outputKeyOf(key, outputHash)),
    avss: createAvsRecords(store),
    transactions: (chainId, account) => createTransactionRecords(store, chainId, account),
    sweepTasks: (options) => sweepTasks(store, queue, options),
    sweepOutputs: (options) => sweepOutputs(store, queue, options),
    async sweepBlocks(chainId) {
      const cursor = await readJson<BlockRef>(store, cursorKeyOf(chainId));
      return cursor === undefined ? 0 : sweepBlocks(store, chainId, cursor.number - KEPT_BLOCKS + 1);
    },
    sweepTransactions: () => sweepTransactions(store),
  };
}
