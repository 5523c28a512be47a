/** Single calls of the aggregator's store, one after the other: the least favourable case for synced writes. */
import path from 'node:path';
import { chainId } from '../../src/base/brands.js';
import { type AggregatorStore, createAggregatorStore } from '../../src/store/aggregator-store.js';
import { openStore } from '../../src/store/open-store.js';
import { pipelineTask } from './pipeline.js';
import { STORAGE_KINDS, type StorageKind, storageOf } from './storage-kinds.js';

const PENDING = 1_000;
const BLOCKS = 100;
const LISTINGS = 10;
const CHAIN = chainId(31_337);

export interface StoreCalls {
  readonly table: readonly (readonly string[])[];
  /** Microseconds per call, by call and kind of storage. */
  readonly figures: Readonly<Record<string, Readonly<Record<StorageKind, number>>>>;
}

export async function benchStoreCalls(folder: string): Promise<StoreCalls> {
  const figures: Record<string, Record<StorageKind, number>> = {};
  for (const kind of STORAGE_KINDS) {
    const opened = await openStore(storageOf(kind, path.join(folder, `calls-${kind}`)), 'aggregator');
    try {
      for (const [call, microseconds] of await measureCalls(createAggregatorStore(opened))) {
        figures[call] = { memory: 0, unsynced: 0, synced: 0, ...figures[call], [kind]: microseconds };
      }
    } finally {
      await opened.close();
    }
  }
  const rows = Object.entries(figures).map(([call, row]) => [
    call,
    ...STORAGE_KINDS.map((kind) => row[kind].toFixed(0)),
  ]);
  return { table: [['µs per call', 'memory', 'unsynced', 'synced'], ...rows], figures };
}

async function measureCalls(store: AggregatorStore): Promise<[call: string, microseconds: number][]> {
  const tasks = Array.from({ length: PENDING }, (_, index) =>
    pipelineTask(index, Math.floor((index * BLOCKS) / PENDING)),
  );
  const save = await each(tasks, (task) =>
    store.saveBlock(CHAIN, { number: task.blockNumber, hash: task.blockHash }, [task]),
  );
  const get = await each(tasks, (task) => store.task(task));
  const update = await each(tasks, (task) =>
    store.updateTask(task, { status: 'processing', updatedAtMs: task.createdAtMs + 1 }),
  );
  const listings = Array.from({ length: LISTINGS });
  const list = await each(listings, async () => expectCount((await store.unfinishedTasks()).length, PENDING));
  const last = await each(tasks, () => store.cursor(CHAIN));
  const recent = await each(listings, async () =>
    expectCount((await store.recentBlocks(CHAIN)).length, BLOCKS),
  );
  return [
    ['save a block with a task', save],
    ['get a task', get],
    ['update a task', update],
    [`list ${PENDING} pending tasks`, list],
    [`last block among ${BLOCKS}`, last],
    [`all ${BLOCKS} recent blocks`, recent],
  ];
}

/** Microseconds per item, one after the other. */
async function each<T>(items: readonly T[], call: (item: T) => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  for (const item of items) await call(item);
  return ((performance.now() - startMs) * 1_000) / items.length;
}

function expectCount(found: number, expected: number): void {
  if (found !== expected) throw new Error(`the store lists ${found} records, not ${expected}`);
}
