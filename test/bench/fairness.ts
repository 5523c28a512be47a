/** Whether the burst of one AVS moves how long another's tasks take. */
import fs from 'node:fs';
import path from 'node:path';
import type { LoadTask } from '../support/load-world.js';
import { type Load, type LoadSettings, tasksOf, withLoad } from './load.js';
import type { BenchResult } from './result.js';

const ROUNDS = 40;
const PER_BLOCK = 2;
const BURST = 150;
/** Blocks between two bursts: about what one takes. */
const BURST_EVERY = 10;
const LIMIT = 1.1;

/** Indexes of the world's AVSs. */
const [QUIET, BUSY] = [0, 1];

interface Row {
  readonly maxConcurrent: number;
  readonly alone: Measured;
  readonly beside: Measured;
}

interface Measured {
  readonly p95Ms: number;
  /** Of all AVSs, from the first task's block to the last verification. */
  readonly tasksPerSecond: number;
}

export async function benchFairness(): Promise<BenchResult> {
  const rows: Row[] = [];
  for (const maxConcurrent of [256, 8]) {
    const settings: LoadSettings = {
      executors: 4,
      avss: 2,
      curve: 'bn254',
      slaSeconds: 600,
      blockTimeSeconds: 1,
      config: async () => ({ tasks: { maxConcurrent } }),
    };
    await withLoad(settings, async (load) => {
      const quiet = () => tasksOf(load.world, PER_BLOCK, QUIET);
      const burst = (block: number) => (block % BURST_EVERY === 0 ? tasksOf(load.world, BURST, BUSY) : []);
      await load.rounds([[...quiet(), ...tasksOf(load.world, 1, BUSY)]]);
      const alone = await measure(load, Array.from({ length: ROUNDS }, quiet));
      const beside = await measure(
        load,
        Array.from({ length: ROUNDS }, (_, block) => [...burst(block), ...quiet()]),
      );
      rows.push({ maxConcurrent, alone, beside });
    });
  }
  return {
    question: `4 executors, 1 s blocks, ${PER_BLOCK} tasks a block of one AVS, alone and beside ${BURST} of another every ${BURST_EVERY} blocks: its p95 in ms`,
    table: [
      ['maxConcurrent', 'alone', 'beside bursts', 'ratio', 'tasks/s beside bursts'],
      ...rows.map(({ maxConcurrent, alone, beside }) => [
        String(maxConcurrent),
        alone.p95Ms.toFixed(0),
        beside.p95Ms.toFixed(0),
        (beside.p95Ms / alone.p95Ms).toFixed(2),
        beside.tasksPerSecond.toFixed(1),
      ]),
    ],
    claim: `bursts move the p95 of another AVS by less than ${Math.round((LIMIT - 1) * 100)} %`,
    passed: rows.every(({ alone, beside }) => beside.p95Ms / alone.p95Ms < LIMIT),
    figures: { rows },
  };
}

/** From when the aggregator sees a task of the quiet AVS to its verification, as the aggregator logs it. */
async function measure(load: Load, blocks: readonly (readonly LoadTask[])[]): Promise<Measured> {
  const { world } = load;
  const tasks = await load.rounds(blocks);
  const quiet = tasks.filter(({ avs }) => avs === world.avss[QUIET]);
  const log = fs.readFileSync(path.join(world.folder, 'aggregator.log'), 'utf8').split('\n');
  const verified = log.filter((line) => line.includes('task verified'));
  const times = quiet
    .map(({ taskId }) =>
      Number(/tookMs\W+(\d+)/.exec(verified.find((line) => line.includes(taskId)) ?? '')?.[1]),
    )
    .sort((a, b) => a - b);
  const first = Math.min(...tasks.map(({ createdBlock }) => createdBlock));
  const last = Math.max(...tasks.map(({ verifiedBlock }) => verifiedBlock));
  // A block is a second.
  const tasksPerSecond = tasks.length / (last - first);
  return { p95Ms: times[Math.floor(times.length * 0.95)] ?? Number.NaN, tasksPerSecond };
}
