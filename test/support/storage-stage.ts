/** Stores with many records, and a place to run `ponos storage` operations without a process. */
import { type Address, type ChainId, parseAddress, parseHash32, parseTaskId } from '../../src/base/brands.js';
import type { Terminal } from '../../src/operations/terminal.js';
import type { AcceptedAnswer, NewTask } from '../../src/store/aggregator-records.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { createPerformerStore } from '../../src/store/executor-performers.js';
import { createExecutorStore } from '../../src/store/executor-store.js';
import type { Entry, KeyValueStore } from '../../src/store/key-value-store.js';
import { openLevelStore } from '../../src/store/level-store.js';
import { claimStore, type StoreRole } from '../../src/store/store-schema.js';
import {
  FIXTURE_CHAIN,
  FIXTURE_DEPLOYMENTS,
  fixtureAcceptedAnswer,
  fixtureAnswer,
  fixtureAnswerKey,
  fixtureBlock,
  fixtureTask,
} from './store-fixtures.js';

export interface CollectingTerminal extends Terminal {
  /** What was printed and poured to standard output. */
  stdout(): string;
  /** Progress. */
  shown(): string;
}

export function collectingTerminal(isTerminal = false): CollectingTerminal {
  const stdout: Buffer[] = [];
  let stderr = '';
  return {
    env: {},
    print: (line) => void stdout.push(Buffer.from(`${line}\n`)),
    async pour(chunks) {
      for await (const chunk of chunks) stdout.push(Buffer.from(chunk));
    },
    stderr: {
      isTerminal,
      write: (text) => {
        stderr += text;
      },
    },
    stdout: () => Buffer.concat(stdout).toString('utf8'),
    shown: () => stderr,
  };
}

/** Opens a real store, lets the action fill it, and closes it. */
export async function makeStore(
  dir: string,
  role: StoreRole,
  fill: (store: KeyValueStore) => Promise<void>,
  operator?: Address,
): Promise<void> {
  const store = await openLevelStore({ dir, syncWrites: false });
  try {
    await claimStore(store, role, { operator });
    await fill(store);
  } finally {
    await store.close();
  }
}

const PER_BLOCK = 500;

/** An aggregator's, with so many tasks; task 1 has completed with two answers, task 2 has failed. */
export function makeAggregatorStore(
  dir: string,
  tasks: number,
  chainId: ChainId = FIXTURE_CHAIN,
): Promise<void> {
  return makeStore(dir, 'aggregator', async (store) => {
    const aggregator = createAggregatorStore(store);
    for (let first = 1; first <= tasks; first += PER_BLOCK) {
      const block = fixtureBlock(first);
      const created: NewTask[] = [];
      for (let n = first; n < Math.min(first + PER_BLOCK, tasks + 1); n++) {
        created.push({ ...fixtureTask(n), chainId, blockNumber: block.number });
      }
      await aggregator.saveBlock(chainId, block, created);
    }
    const [completed, failed] = [1, 2].map((n) => ({ ...fixtureTask(n), chainId }));
    if (completed === undefined || failed === undefined) return;
    for (const operator of [11, 12]) {
      const answer: AcceptedAnswer = fixtureAcceptedAnswer(operator);
      await aggregator.recordAnswer(completed, answer);
    }
    const transactionHash = parseHash32(`0x${'71'.repeat(32)}`);
    const updatedAtMs = 1_700_000_090_000;
    await aggregator.updateTask(completed, {
      status: 'completed',
      transactionHash,
      attempts: 1,
      updatedAtMs,
    });
    if (tasks > 1)
      await aggregator.updateTask(failed, { status: 'failed', reason: 'too few answers', updatedAtMs });
  });
}

/** An executor's, with so many answered tasks and some deployments of a performer. */
export const STORE_OPERATOR = parseAddress(`0x${'0e'.repeat(20)}`);

export function makeExecutorStore(dir: string, answers: number): Promise<void> {
  const fill = async (store: KeyValueStore) => {
    const executor = createExecutorStore(store);
    const numbers = Array.from({ length: answers }, (_, index) => index + 1);
    await Promise.all(numbers.map((n) => executor.saveAnswer(fixtureAnswerKey(n), fixtureAnswer(n))));
    await createPerformerStore(store).save(FIXTURE_DEPLOYMENTS);
  };
  return makeStore(dir, 'executor', fill, STORE_OPERATOR);
}

export const taskIdOf = (n: number) => parseTaskId(fixtureTask(n).taskId);

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** What a store holds, byte by byte, but for what the store keeps of itself. */
export async function recordsOf(dir: string): Promise<readonly [string, string][]> {
  const store = await openLevelStore({ dir, syncWrites: false });
  try {
    const entries: Entry[] = await collect(store.scan({ gte: '!', lt: '~' }));
    return entries.map(({ key, value }) => [key, Buffer.from(value).toString('hex')]);
  } finally {
    await store.close();
  }
}
