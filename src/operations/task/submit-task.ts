/** Creating tasks: the transaction, and the mailbox' event that names the task. */
import { setMaxListeners } from 'node:events';
import type { Address, OperatorSet } from '../../base/brands.js';
import type { Clock } from '../../base/clock.js';
import { isPonosError, PonosError } from '../../base/error.js';
import { silentLogger } from '../../base/logger.js';
import type { Secret } from '../../base/secret.js';
import type { ChainClient } from '../../chain/client.js';
import {
  decodeTaskCreated,
  encodeCreateTask,
  TASK_CREATED_TOPIC,
  type TaskCreatedEvent,
} from '../../chain/contracts/task-mailbox.js';
import { HeadTracker } from '../../chain/head-tracker.js';
import { TransactionSender } from '../../chain/transaction-sender.js';
import { localTransactionSigner } from '../../signer/local-transaction-signer.js';

export interface TaskSenderOptions {
  readonly client: ChainClient;
  readonly mailbox: Address;
  /** 32 bytes; the account pays, and creates the tasks. */
  readonly key: Secret<Uint8Array>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

export interface NewTask {
  readonly operatorSet: OperatorSet;
  readonly payload: Uint8Array;
  /** Gets the fee back when the task expires; the payer by default. */
  readonly refundCollector?: Address;
}

export interface TaskSender {
  /** Resolves when the task is in a block. Many can be on their way at once. @throws PonosError CONTRACT_REVERTED, … */
  create(task: NewTask): Promise<TaskCreatedEvent>;
  close(): Promise<void>;
}

const POLL_MS = 200;
const BUMP_AFTER_BLOCKS = 10;
const BUMP_PERCENT = 20;

/** A sender of tasks for one account and one mailbox. */
export function openTaskSender(options: TaskSenderOptions): TaskSender {
  const { client, mailbox, clock } = options;
  const heads = new HeadTracker();
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  // Every task on its way listens to it; Node would call ten of them a leak.
  setMaxListeners(0, signal);
  const polling = pollHeads(client, heads, clock, signal);
  const signer = localTransactionSigner(options.key);
  const sender = new TransactionSender({
    client,
    heads,
    signer,
    logger: silentLogger,
    bumpPercent: BUMP_PERCENT,
    bumpAfterBlocks: BUMP_AFTER_BLOCKS,
  });
  return {
    async create({ operatorSet, payload, refundCollector = signer.address }) {
      const data = encodeCreateTask({ refundCollector, operatorSet, payload });
      const gas = await sender.simulate({ to: mailbox, data });
      const receipt = await sender.send({ to: mailbox, data, gas }, signal);
      const logs = await client.logs(
        { addresses: [mailbox], topics: [TASK_CREATED_TOPIC] },
        { blockHash: receipt.blockHash },
      );
      const log = logs.find((candidate) => candidate.transactionHash === receipt.hash);
      if (receipt.status === 'succeeded' && log !== undefined) return decodeTaskCreated(log);
      throw new PonosError('TRANSACTION_FAILED', {
        message: 'the transaction was mined, but no task was created',
        facts: { transaction: receipt.hash, block: receipt.blockNumber },
      });
    },
    async close() {
      stop.abort();
      await sender.close();
      await polling;
    },
  };
}

/** Creates one task. */
export async function submitTask(options: TaskSenderOptions & NewTask): Promise<TaskCreatedEvent> {
  const sender = openTaskSender(options);
  try {
    return await sender.create(options);
  } finally {
    await sender.close();
  }
}

async function pollHeads(
  client: ChainClient,
  heads: HeadTracker,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      heads.update(await client.head());
      await clock.sleep(POLL_MS, signal);
    } catch (error) {
      // An endpoint that hiccups is asked again; the wait for the receipt has the last word.
      if (!isPonosError(error)) throw error;
      if (!signal.aborted) await clock.sleep(POLL_MS);
    }
  }
}
