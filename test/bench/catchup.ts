/**
 * Catching up with a chain that is 100,000 blocks ahead. Its endpoint makes its blocks up, since anvil takes longer
 * for each further block, and hours for so many; all that is behind the endpoint is as in a node.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Watch } from '../../src/aggregator/watch.js';
import { blockNumber, chainId, parseAddress } from '../../src/base/brands.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { createChainClient } from '../../src/chain/client.js';
import { TASK_CREATED_TOPIC } from '../../src/chain/contracts/task-mailbox.js';
import { createFollower } from '../../src/chain/follower.js';
import { HeadTracker } from '../../src/chain/head-tracker.js';
import { createAggregatorStore } from '../../src/store/aggregator-store.js';
import { openStore } from '../../src/store/open-store.js';
import { type MadeUpChain, startMadeUpChain } from './made-up-chain.js';
import type { BenchResult } from './result.js';
import { mean } from './statistics.js';
import { storageOf } from './storage-kinds.js';

const CHAIN = chainId(31_337);
const BLOCKS = 100_000;
/** One block in so many has a task. */
const TASK_EVERY = 100;
const PAYLOAD_BYTES = 1_024;
const RANGES = [1_000, 100] as const;
const GROWTH_LIMIT = 1.25;
/** The head, the cursor's block, the range's first and last block, and its logs. */
const REQUESTS_PER_RANGE = 5;
/** The last ones are read one by one, each with its logs by its hash. */
const REQUESTS_NEAR_HEAD = 200;
const MAILBOX = parseAddress(`0x${'b1'.repeat(20)}`);
const AVS = parseAddress(`0x${'a5'.repeat(20)}`);

interface Row {
  readonly range: number;
  readonly tasks: number;
  readonly tookMs: number;
  readonly requests: number;
  readonly peakMegabytes: number;
  /** Memory of the last quarter of the way against the second. */
  readonly growth: number;
}

export async function benchCatchup(): Promise<BenchResult> {
  const rows: Row[] = [];
  for (const range of RANGES) rows.push(await catchUp(range));
  const allowed = (range: number) =>
    (BLOCKS / range) * REQUESTS_PER_RANGE + REQUESTS_NEAR_HEAD + BLOCKS / TASK_EVERY;
  return {
    question: `a chain ${BLOCKS} blocks ahead, one task in ${TASK_EVERY} blocks, on LevelDB: until all is stored`,
    table: [
      ['maxBlockRange', 'blocks/s', 'tasks stored', 'requests', 'peak MB', 'last quarter / second'],
      ...rows.map(({ range, tookMs, tasks, requests, peakMegabytes, growth }) => [
        String(range),
        ((BLOCKS * 1_000) / tookMs).toFixed(0),
        String(tasks),
        String(requests),
        peakMegabytes.toFixed(0),
        growth.toFixed(3),
      ]),
    ],
    claim: `every task was stored, with ${REQUESTS_PER_RANGE} requests a range and one for each task's block, in memory that does not grow on the way`,
    passed: rows.every(
      ({ range, tasks, requests, growth }) =>
        tasks === BLOCKS / TASK_EVERY && requests <= allowed(range) && growth < GROWTH_LIMIT,
    ),
    figures: { rows },
  };
}

async function catchUp(range: number): Promise<Row> {
  const chain = await startMadeUpChain({
    chainId: CHAIN,
    mailbox: MAILBOX,
    avs: AVS,
    head: BLOCKS,
    taskEvery: TASK_EVERY,
    payload: new Uint8Array(PAYLOAD_BYTES),
  });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-bench-'));
  try {
    return await follow(chain, folder, range);
  } finally {
    await chain.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Wired as an aggregator wires it. */
async function follow(chain: MadeUpChain, folder: string, range: number): Promise<Row> {
  const opened = await openStore(storageOf('synced', folder), 'aggregator');
  const client = createChainClient({
    chainId: CHAIN,
    name: 'L1',
    rpcUrls: [chain.url],
    clock: systemClock,
    logger: silentLogger,
  });
  const memory: number[] = [];
  let tasks = 0;
  const watch = new Watch({
    chainId: CHAIN,
    client,
    store: createAggregatorStore(opened),
    isVerified: async () => false,
    isServed: (avs) => avs === AVS,
    finishes: (avs) => avs === AVS,
    onTasks: (found) => {
      tasks += found.length;
      memory.push(process.memoryUsage().rss / 2 ** 20);
    },
    onReorged: () => undefined,
    onStoreHealth: () => undefined,
    nowSeconds: () => 0,
    clock: systemClock,
    logger: silentLogger,
  });
  const follower = createFollower({
    client,
    heads: new HeadTracker(),
    clock: systemClock,
    logger: silentLogger,
    filter: { addresses: [MAILBOX], topics: [TASK_CREATED_TOPIC] },
    findStart: async () => blockNumber(1),
    pollIntervalMs: 1_000,
    maxBlockRange: range,
    maxReorgDepth: 64,
    blockConfirmations: 0,
    onBlocks: (blocks) => watch.blocks(blocks),
    onReorg: (orphans) => watch.reorg(orphans),
    onTipReplaced: async () => undefined,
  });
  try {
    const startMs = performance.now();
    while ((await follower.step()) === 'advanced');
    const tookMs = performance.now() - startMs;
    const quarter = (n: number) => mean(memory.slice(((n - 1) * memory.length) / 4, (n * memory.length) / 4));
    return {
      range,
      tasks,
      tookMs,
      requests: chain.requests,
      peakMegabytes: Math.max(...memory),
      growth: quarter(4) / quarter(2),
    };
  } finally {
    await client.close();
    await opened.close();
  }
}
