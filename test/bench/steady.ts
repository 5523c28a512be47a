/** Five hundred tasks without a failure, and memory that does not grow with them. */
import fs from 'node:fs';
import type { Network } from '../../src/operations/demo/network.js';
import { createTogether, finish, withNetwork } from './network.js';
import type { BenchResult } from './result.js';
import { mean } from './statistics.js';

const TASKS = 500;
const PER_BLOCK = 10;
const GROWTH_LIMIT = 1.1;

export async function benchSteady(): Promise<BenchResult> {
  return withNetwork(async (network, chains) => {
    const samples: Record<string, number>[] = [];
    let failed = 0;
    for (let done = 0; done < TASKS; done += PER_BLOCK) {
      const batch = done / PER_BLOCK;
      const chain = chains[batch % chains.length];
      const set =
        network.devnet.operatorSets[Math.floor(batch / chains.length) % network.devnet.operatorSets.length];
      if (chain === undefined || set === undefined) throw new Error('the devnet has no chains');
      const finished = await finish(chain, await createTogether(network, chain, set.id, PER_BLOCK, done));
      failed += finished.filter((task) => !task.verified).length;
      samples.push(residentMegabytes(network));
    }
    const hundred = (n: number) => samples.slice(((n - 1) * 100) / PER_BLOCK, (n * 100) / PER_BLOCK);
    const growth = Object.keys(samples[0] ?? {}).map((name) => {
      const second = mean(hundred(2).map((sample) => sample[name] ?? Number.NaN));
      const last = mean(hundred(TASKS / 100).map((sample) => sample[name] ?? Number.NaN));
      return { name, second, last, ratio: last / second };
    });
    return {
      question: `${TASKS} tasks, ${PER_BLOCK} a block: resident memory (MB) in the second and the last hundred`,
      table: [
        ['process', 'second hundred', 'last hundred', 'ratio'],
        ...growth.map(({ name, second, last, ratio }) => [
          name,
          second.toFixed(1),
          last.toFixed(1),
          ratio.toFixed(3),
        ]),
      ],
      claim: `${failed} of ${TASKS} tasks failed (allowed: 0), and no process grew by more than 10%`,
      passed: failed === 0 && growth.every(({ ratio }) => ratio <= GROWTH_LIMIT),
      figures: { failed, growth },
    };
  });
}

function residentMegabytes(network: Network): Record<string, number> {
  const nodes = [network.aggregator, ...network.executors];
  return Object.fromEntries(
    nodes.map(({ name, pid }) => {
      const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
      return [name, Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024];
    }),
  );
}
