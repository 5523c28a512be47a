/**
 * What durability costs: the same pipeline on memory, on LevelDB, and on LevelDB that waits for the disk. The three
 * take short turns in one process, and each turn is compared with that of memory beside it: what else the machine
 * does meanwhile hits all of them.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openStore } from '../../src/store/open-store.js';
import { openPipeline, type Pipeline } from './pipeline.js';
import type { BenchResult } from './result.js';
import { type Interval, medianInterval } from './statistics.js';
import { STORAGE_KINDS, type StorageKind, storageOf } from './storage-kinds.js';
import { benchStoreCalls } from './store-calls.js';
import { benchVerification } from './verification.js';

const ROUNDS = 75;
const AT_ONCE = 48;
const BLOCKS = 2;
const TASKS = AT_ONCE * BLOCKS;
const WARM_UP_BLOCKS = 6;
const LIMIT = 0.05;

type Bench = Pick<Pipeline, 'run' | 'close'>;

export async function benchStorage(): Promise<BenchResult> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ponos-bench-'));
  const benches = new Map<StorageKind, Bench>();
  try {
    for (const kind of STORAGE_KINDS) benches.set(kind, await openBench(folder, kind));
    for (const bench of benches.values()) await bench.run(WARM_UP_BLOCKS);
    const tookMs: Record<StorageKind, number[]> = { memory: [], unsynced: [], synced: [] };
    const cpuMs: Record<StorageKind, number[]> = { memory: [], unsynced: [], synced: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      // Each kind is first, second and third in turn.
      for (let turn = 0; turn < STORAGE_KINDS.length; turn += 1) {
        const kind = STORAGE_KINDS[(round + turn) % STORAGE_KINDS.length] ?? 'memory';
        const run = await benches.get(kind)?.run(BLOCKS);
        tookMs[kind].push(run?.tookMs ?? Number.NaN);
        cpuMs[kind].push(run?.cpuMs ?? Number.NaN);
      }
    }
    const costOf = (kind: StorageKind) =>
      medianInterval(tookMs[kind].map((ms, round) => 1 - (tookMs.memory[round] ?? Number.NaN) / ms));
    const costs = { memory: costOf('memory'), unsynced: costOf('unsynced'), synced: costOf('synced') };
    const calls = await benchStoreCalls(folder);
    const verification = await benchVerification(folder);
    return {
      question: `${TASKS} tasks a turn, ${AT_ONCE} at once, ${ROUNDS} rounds: tasks/s from block to certificate over gRPC, without chains: median (95% confidence interval)`,
      table: [
        ['storage', 'tasks/s', 'ms of CPU per task', 'cost against memory'],
        ...STORAGE_KINDS.map((kind) => [
          kind === 'memory' ? kind : `LevelDB, ${kind}`,
          show(medianInterval(tookMs[kind].map((ms) => (TASKS * 1_000) / ms))),
          show(medianInterval(cpuMs[kind].map((ms) => ms / TASKS))),
          kind === 'memory' ? '-' : percent(costs[kind]),
        ]),
        ['', '', '', ''],
        ...calls.table,
        ['', '', '', ''],
        ...verification.table,
      ],
      claim: `synced writes cost less than ${LIMIT * 100} % of throughput in the median of ${ROUNDS} rounds: ${percent(costs.synced)}`,
      passed: costs.synced.median < LIMIT,
      figures: { tookMs, cpuMs, costs, calls: calls.figures, verification: verification.tookMs },
    };
  } finally {
    for (const bench of benches.values()) await bench.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function openBench(folder: string, kind: StorageKind): Promise<Bench> {
  const open = (role: 'aggregator' | 'executor') =>
    openStore(storageOf(kind, path.join(folder, `${kind}-${role}`)), role);
  const [aggregatorStore, executorStore] = [await open('aggregator'), await open('executor')];
  const pipeline = await openPipeline({ aggregatorStore, executorStore, atOnce: AT_ONCE });
  return {
    run: (blocks) => pipeline.run(blocks),
    async close() {
      await pipeline.close();
      await aggregatorStore.close();
      await executorStore.close();
    },
  };
}

const show = ({ median, low, high }: Interval) =>
  `${median.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`;
const percent = ({ median, low, high }: Interval) =>
  `${show({ median: median * 100, low: low * 100, high: high * 100 })} %`;
