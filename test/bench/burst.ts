/** Ten tasks in one block, one-second blocks, four operators: how many blocks until each is verified. */

import { createTogether, type FinishedTask, finish, withNetwork } from './network.js';
import type { BenchResult } from './result.js';
import { benchBlocks } from './statistics.js';

const TASKS = 10;
const ROUNDS = 5;
const LIMIT_BLOCKS = 3;

export async function benchBurst(): Promise<BenchResult> {
  return withNetwork(async (network, chains) => {
    const rows: string[][] = [];
    const all: FinishedTask[] = [];
    const figures: Record<string, unknown> = {};
    for (const chain of chains) {
      for (const set of network.devnet.operatorSets) {
        const finished: FinishedTask[] = [];
        for (let round = 0; round < ROUNDS; round += 1) {
          const tasks = await createTogether(network, chain, set.id, TASKS, round * TASKS);
          finished.push(...(await finish(chain, tasks)));
        }
        all.push(...finished);
        const blocks = benchBlocks(finished.map((task) => task.blocks));
        figures[`${chain.name} ${set.curve}`] = blocks;
        rows.push([chain.name, set.curve, String(finished.length), ...blocks.cells]);
      }
    }
    return {
      question: `${TASKS} tasks in one block, 4 operators, 1 s blocks: blocks from a task's own to its verification`,
      table: [['chain', 'curve', 'tasks', 'median', 'p99', 'worst'], ...rows],
      claim: `every task was verified within ${LIMIT_BLOCKS} blocks of its own`,
      passed: all.every((task) => task.verified && task.blocks <= LIMIT_BLOCKS),
      figures,
    };
  });
}
