/** One devnet for a file of tests, with every executor honest and no aggregator running before each of them. */
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Aggregator } from '../../src/aggregator/aggregator.js';
import type { TaskCreatedEvent } from '../../src/chain/contracts/task-mailbox.js';
import { type AggregatorDevnet, aggregatorDevnet, type LogLine } from './aggregator-devnet.js';
import type { ScriptedExecutor } from './scripted-executor.js';

export const L1 = 31_337;
export const L2 = 31_338;

export interface AggregatorStage {
  /** From the first test on. */
  readonly world: AggregatorDevnet;
  /** Starts an aggregator that is closed after the test. */
  start(...options: Parameters<AggregatorDevnet['startAggregator']>): Promise<Aggregator>;
  executor(index: number): ScriptedExecutor;
  createTask(chain: number, operatorSetId: number, payload: string): Promise<TaskCreatedEvent>;
  /** Resolves with the first line about this task, logged before or later, that begins so. */
  logged(task: Pick<TaskCreatedEvent, 'taskId'>, message: string): Promise<LogLine>;
}

/** To be called at the top of a file: it registers what brings the devnet up and down. */
export function aggregatorStage(): AggregatorStage {
  const running: Aggregator[] = [];
  let devnet: AggregatorDevnet | undefined;
  const world = () => {
    if (devnet === undefined) throw new Error('the devnet is not up yet');
    return devnet;
  };
  beforeAll(async () => {
    devnet = await aggregatorDevnet();
  }, 120_000);
  afterAll(async () => {
    await devnet?.close();
  }, 60_000);
  afterEach(async () => {
    await Promise.all(running.splice(0).map((aggregator) => aggregator.close(0)));
    await world().reset();
  }, 60_000);
  return {
    get world() {
      return world();
    },
    async start(...options) {
      const aggregator = await world().startAggregator(...options);
      running.push(aggregator);
      return aggregator;
    },
    executor(index) {
      const found = world().executors[index];
      if (found === undefined) throw new Error(`no executor ${index}`);
      return found;
    },
    async createTask(chain, operatorSetId, payload) {
      const [task] = await world().createTasks(chain, operatorSetId, [payload]);
      if (task === undefined) throw new Error('no task');
      return task;
    },
    logged: ({ taskId }, message) =>
      world().logged((line) => line.fields.taskId === taskId && line.message.startsWith(message)),
  };
}
