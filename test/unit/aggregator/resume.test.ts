import { expect, test } from '@jest/globals';
import { resumeWork } from '../../../src/aggregator/resume.js';
import { blockNumber, chainId, parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { silentLogger } from '../../../src/base/logger.js';
import { createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { manualClock } from '../../support/manual-clock.js';
import { AVS, newTask, operatorAddress } from './world.js';

const [L1, L2, GONE] = [chainId(31_337), chainId(31_338), chainId(1)];
const hash = (n: number) => parseHash32(`0x${n.toString(16).padStart(64, '0')}`);
const taskId = (n: number) => parseTaskId(hash(n));

test('default: transactions first, then the tasks that are ours; what is not ours fails with the reason', async () => {
  const store = createAggregatorStore(createMemoryStore());
  const tasks = [
    newTask({ taskId: taskId(1), chainId: L1, deadlineSeconds: 2_000 }),
    newTask({ taskId: taskId(2), chainId: L2, deadlineSeconds: 2_000 }),
    newTask({ taskId: taskId(3), chainId: L1, deadlineSeconds: 1_999 }),
    newTask({ taskId: taskId(4), chainId: L1, avs: operatorAddress(4) }),
    newTask({ taskId: taskId(5), chainId: GONE }),
  ];
  const inBlock = { number: blockNumber(50), hash: hash(50) };
  for (const task of tasks) await store.saveBlock(task.chainId, inBlock, [task]);
  const happened: unknown[] = [];
  const chain = (id: typeof L1) => ({
    chainId: id,
    time: { nowSeconds: () => 2_000 },
    sender: {
      restore: async (isWanted: (subject: string) => Promise<boolean>) => {
        const wanted: number[] = [];
        for (const n of [1, 2, 3, 4, 5, 6]) if (await isWanted(taskId(n))) wanted.push(n);
        happened.push([id, wanted]);
        return wanted.length;
      },
    },
  });
  await resumeWork({
    store,
    chains: [chain(L1), chain(L2)],
    served: { finishes: (avs) => avs === AVS },
    runner: { add: (queuedTasks) => happened.push(...queuedTasks.map((task) => task.taskId)) },
    clock: manualClock(),
    logger: silentLogger,
  });
  expect(happened).toEqual([[L1, [1]], [L2, [2]], taskId(1), taskId(3), taskId(2)]);
  for (const n of [3, 4]) {
    expect(await store.task(tasks[n] ?? newTask())).toMatchObject({
      status: 'failed',
      reason: 'its AVS or chain is not configured any more',
    });
  }
  expect(await store.unfinishedTasks()).toHaveLength(3);
});
