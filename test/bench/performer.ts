/** Ten thousand tasks through one executor and its performer: what they hold on to at the end. */
import fs from 'node:fs';
import { createChannel, createClient } from 'nice-grpc';
import { parse, stringify } from 'yaml';
import { createCast } from '../../src/devnet/cast.js';
import type { Network } from '../../src/operations/demo/network.js';
import { ExecutorServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import { BN254_SET, openDevnetTasks } from '../support/devnet-tasks.js';
import { withNetwork } from './network.js';
import type { BenchResult } from './result.js';

const TASKS = 10_000;
const BATCH = 200;
/**
 * Memory goes up until garbage is collected, and down again: the most that was held over so many batches is one figure,
 * for they are longer than one such wave.
 */
const WINDOW = 10;
const GROWTH_LIMIT = 1.1;

interface Sample {
  readonly megabytes: number;
  readonly descriptors: number;
}

export async function benchPerformer(): Promise<BenchResult> {
  return withNetwork(async (network) => {
    const pid = await restartUnlimited(network);
    const samples: Record<string, Sample>[] = [];
    let answered = 0;
    await submitAll(network, async (done) => {
      answered = done;
      const [performer] = childrenOf(pid);
      if (performer === undefined) throw new Error('the executor has no performer');
      samples.push({ executor: sampleOf(pid), performer: sampleOf(performer) });
    });

    const before = 1_000 / BATCH;
    const growth = ['executor', 'performer'].flatMap((name) =>
      (['megabytes', 'descriptors'] as const).map((what) => {
        const figure = (from: number) =>
          Math.max(...samples.slice(from, from + WINDOW).map((sample) => sample[name]?.[what] ?? Number.NaN));
        const first = figure(before);
        const last = figure(samples.length - WINDOW);
        return { name, what, first, last, ratio: last / first };
      }),
    );
    return {
      question: `${TASKS} tasks through one executor: the most that it and its performer hold after 1,000 and at the end`,
      table: [
        ['process', 'what', 'after 1,000', 'at the end', 'ratio'],
        ...growth.map(({ name, what, first, last, ratio }) => [
          name,
          what,
          first.toFixed(1),
          last.toFixed(1),
          ratio.toFixed(3),
        ]),
      ],
      claim: `all tasks were answered (${answered} of ${TASKS}), and the executor holds at most 10% more at the end`,
      // The performer is the AVS's program: this one's heap is so small that V8 first collects all of it after thousands.
      passed:
        answered === TASKS &&
        growth.every(
          ({ name, what, ratio }) => (name === 'performer' && what === 'megabytes') || ratio <= GROWTH_LIMIT,
        ),
      figures: { answered, growth, samples },
    };
  }, 1);
}

/** One aggregator is one peer: what a peer may ask for in a second is not what is measured. */
async function restartUnlimited(network: Network): Promise<number> {
  const [seat] = network.devnet.executors;
  const [executor] = network.executors;
  if (seat === undefined || executor === undefined) throw new Error('the devnet has no executor');
  await network.aggregator.stop(10_000);
  await executor.stop(10_000);
  const config = parse(fs.readFileSync(seat.config, 'utf8'));
  fs.writeFileSync(seat.config, stringify({ ...config, limits: { requestsPerSecondPerPeer: 100_000 } }));
  return (await network.start(seat.name)).pid;
}

/** Puts the tasks on the chain batch by batch, and asks the executor for them as the aggregator does. */
async function submitAll(network: Network, onBatch: (done: number) => Promise<void>): Promise<void> {
  const [seat] = network.devnet.executors;
  if (seat === undefined) throw new Error('the devnet has no executor');
  const tasks = await openDevnetTasks({ state: network.devnet, cast: createCast(1) });
  const channel = createChannel(seat.socket);
  const client = createClient(ExecutorServiceDefinition, channel);
  try {
    for (let done = 0; done < TASKS; done += BATCH) {
      await Promise.all(
        Array.from({ length: BATCH }, async (_, index) => {
          const payload = `0x${(done + index).toString(16).padStart(4, '0')}`;
          const task = await tasks.create('L1', BN254_SET, payload);
          await client.submitTask(await tasks.submission(task, 'L1', seat.address));
        }),
      );
      await onBatch(done + BATCH);
    }
  } finally {
    channel.close();
    await tasks.close();
  }
}

function sampleOf(pid: number): Sample {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    megabytes: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024,
    descriptors: fs.readdirSync(`/proc/${pid}/fd`).length,
  };
}

function childrenOf(pid: number): number[] {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}
