/** Tasks a second, and how long each takes, when every block brings so many, with few and with many executors. */
import os from 'node:os';
import { type LoadedTask, processFigures, tasksOf, withLoad } from './load.js';
import type { BenchResult } from './result.js';
import { benchBlocks } from './statistics.js';

const EXECUTORS = [4, 50];
/** Tasks a block, and for how many blocks. */
const RATES = [
  [1, 20],
  [10, 15],
  [100, 6],
] as const;
/** A task is created in one block, and its result can be in the next one at the earliest. */
const LIMIT_BLOCKS = 3;
/** Above this rate one thread, the aggregator's or that of the executors, may be saturated while others are idle. */
const CALM_RATE = 10;
/** With less of its processors to spare a machine is saturated: what is created waits for what was before. */
const SATURATED = 0.9;

interface Row {
  readonly executors: number;
  readonly rate: number;
  readonly tasks: number;
  readonly verified: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Per task, of the aggregator with its thread. */
  readonly aggregatorCpuMs: number;
  /** Per task, of all executors together. */
  readonly executorsCpuMs: number;
  /** Share of all processors of the machine that was in use, by whomever, until the last was verified. */
  readonly busy: number;
}

export async function benchLatency(): Promise<BenchResult> {
  const rows: Row[] = [];
  for (const executors of EXECUTORS) {
    const settings = { executors, avss: 1, curve: 'bn254', slaSeconds: 600, blockTimeSeconds: 1 } as const;
    await withLoad(settings, async ({ world, aggregator, rounds }) => {
      // The first task reads the table.
      await rounds([tasksOf(world, 1)]);
      for (const [rate, blocks] of RATES) {
        const before = processFigures(aggregator.pid).cpuMs;
        const ownBefore = process.cpuUsage();
        const machineBefore = machineTimes();
        const tasks = await rounds(Array.from({ length: blocks }, () => tasksOf(world, rate)));
        const own = process.cpuUsage(ownBefore);
        rows.push({
          executors,
          rate,
          ...figuresOf(tasks),
          aggregatorCpuMs: (processFigures(aggregator.pid).cpuMs - before) / tasks.length,
          executorsCpuMs: (own.user + own.system) / 1_000 / tasks.length,
          busy: busyShare(machineBefore, machineTimes()),
        });
      }
    });
  }
  const calm = rows.filter(({ rate, busy }) => rate <= CALM_RATE && busy < SATURATED);
  return {
    question:
      'BN254, 1 s blocks: tasks/s and blocks from a task to its verification, executors in one process',
    table: [
      [
        'executors',
        'tasks/block',
        'tasks',
        'verified',
        'tasks/s',
        'p50',
        'p99',
        'CPU ms/task',
        'executors ms/task',
        'machine busy',
      ],
      ...rows.map((row) => [
        ...[row.executors, row.rate, row.tasks, row.verified].map(String),
        row.perSecond.toFixed(1),
        ...[row.p50, row.p99].map(String),
        row.aggregatorCpuMs.toFixed(1),
        row.executorsCpuMs.toFixed(1),
        `${(row.busy * 100).toFixed(0)} %`,
      ]),
    ],
    claim: `no task is lost at any rate, and at up to ${CALM_RATE} tasks a block, the machine less than ${SATURATED * 100}% busy, 99% are verified within ${LIMIT_BLOCKS} blocks`,
    passed:
      rows.every(({ tasks, verified }) => tasks === verified) &&
      calm.length > 0 &&
      calm.every(({ p99 }) => p99 <= LIMIT_BLOCKS),
    figures: { rows },
  };
}

interface MachineTimes {
  readonly busyMs: number;
  readonly allMs: number;
}

function machineTimes(): MachineTimes {
  const times = os.cpus().map((cpu) => cpu.times);
  const allMs = sum(times.flatMap((each) => Object.values(each)));
  return { busyMs: allMs - sum(times.map(({ idle }) => idle)), allMs };
}

function busyShare(before: MachineTimes, after: MachineTimes): number {
  return (after.busyMs - before.busyMs) / (after.allMs - before.allMs);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** A block is a second. */
function figuresOf(tasks: readonly LoadedTask[]) {
  const verified = tasks.filter(({ verifiedBlock }) => !Number.isNaN(verifiedBlock));
  const first = Math.min(...tasks.map(({ createdBlock }) => createdBlock));
  const last = Math.max(...verified.map(({ verifiedBlock }) => verifiedBlock));
  const { median, p99 } = benchBlocks(
    verified.map(({ createdBlock, verifiedBlock }) => verifiedBlock - createdBlock),
  );
  return {
    tasks: tasks.length,
    verified: verified.length,
    perSecond: verified.length / (last - first),
    p50: median,
    p99,
  };
}
