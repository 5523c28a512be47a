/** Hundreds of tasks (or thousands: `steady:10000`) without a failure, and nothing that grows with them. */
import { processFigures } from './load.js';
import { createTogether, finish, withNetwork } from './network.js';
import type { BenchResult } from './result.js';
import { mean } from './statistics.js';

const TASKS = 500;
const PER_BLOCK = 10;
/** With thousands of tasks, so that it does not take hours. */
const PER_BLOCK_OF_MANY = 50;
const MANY = 1_000;
/** The first fifth is for code to be compiled and tables to be filled. */
const FIFTHS = 5;
const GROWTH_LIMITS = { residentMegabytes: 1.1, descriptors: 1, sockets: 1 } as const;
/** Descriptors that open and close by the minute: a log file of the store, a connection that was idle. */
const SLACK = 3;

type Measure = keyof typeof GROWTH_LIMITS;
const MEASURES: readonly [Measure, string][] = [
  ['residentMegabytes', 'memory, MB'],
  ['descriptors', 'descriptors'],
  ['sockets', 'connections'],
];

export async function benchSteady(tasks = TASKS): Promise<BenchResult> {
  const perBlock = tasks > MANY ? PER_BLOCK_OF_MANY : PER_BLOCK;
  return withNetwork(async (network, chains) => {
    const nodes = [network.aggregator, ...network.executors];
    const samples: Record<string, Record<Measure, number>>[] = [];
    let failed = 0;
    for (let done = 0; done < tasks; done += perBlock) {
      const batch = done / perBlock;
      const chain = chains[batch % chains.length];
      const set =
        network.devnet.operatorSets[Math.floor(batch / chains.length) % network.devnet.operatorSets.length];
      if (chain === undefined || set === undefined) throw new Error('the devnet has no chains');
      const finished = await finish(chain, await createTogether(network, chain, set.id, perBlock, done));
      failed += finished.filter((task) => !task.verified).length;
      samples.push(Object.fromEntries(nodes.map(({ name, pid }) => [name, processFigures(pid)])));
    }
    const fifth = (n: number) =>
      samples.slice(((n - 1) * samples.length) / FIFTHS, (n * samples.length) / FIFTHS);
    const growth = nodes.flatMap(({ name }) =>
      MEASURES.map(([measure, label]) => {
        const of = (part: typeof samples) =>
          mean(part.map((sample) => sample[name]?.[measure] ?? Number.NaN));
        const [second, last] = [of(fifth(2)), of(fifth(FIFTHS))];
        const limit = second * GROWTH_LIMITS[measure] + (measure === 'residentMegabytes' ? 0 : SLACK);
        return { name, label, second, last, ratio: last / second, isFlat: last <= limit };
      }),
    );
    return {
      question: `${tasks} tasks, ${perBlock} a block: what each process holds in the second and the last fifth`,
      table: [
        ['process', 'measure', 'second fifth', 'last fifth', 'ratio'],
        ...growth.map(({ name, label, second, last, ratio }) => [
          name,
          label,
          second.toFixed(1),
          last.toFixed(1),
          ratio.toFixed(3),
        ]),
      ],
      claim: `${failed} of ${tasks} tasks failed (allowed: 0), memory grew by at most 10%, descriptors and connections by at most ${SLACK}`,
      passed: failed === 0 && growth.every(({ isFlat }) => isFlat),
      figures: { failed, growth },
    };
  });
}
