/** What an earlier run has left unfinished. */
import type { ChainId, TaskId } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { TransactionSender } from '../chain/transaction-sender.js';
import type { TaskRecord } from '../store/aggregator-records.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import type { ChainTime } from './chain-time.js';
import type { ServedAvss } from './served-avss.js';
import { taskName } from './task-plan.js';
import { queued } from './task-queue.js';
import type { TaskRunner } from './task-runner.js';

export interface ResumeOptions {
  readonly store: Pick<AggregatorStore, 'unfinishedTasks' | 'updateTask'>;
  readonly chains: readonly {
    readonly chainId: ChainId;
    readonly sender: Pick<TransactionSender, 'restore'>;
    readonly time: Pick<ChainTime, 'nowSeconds'>;
  }[];
  readonly served: Pick<ServedAvss, 'finishes'>;
  readonly runner: Pick<TaskRunner, 'add'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Transactions on their way first, so that no task sends a second one, then the unfinished tasks. Those past their
 * deadline end as soon as they run; those that are none of ours any more fail here.
 * @throws PonosError of the store and of the chains
 */
export async function resumeWork(options: ResumeOptions): Promise<void> {
  const { store, chains, served, runner, clock, logger } = options;
  const watched = new Set(chains.map(({ chainId }) => chainId));
  const taken = new Map<string, TaskRecord>();
  for (const task of await store.unfinishedTasks()) {
    const { taskId, chainId, avs } = task;
    if (watched.has(chainId) && served.finishes(avs, chainId)) {
      taken.set(taskName(task), task);
      continue;
    }
    const reason = 'its AVS or chain is not configured any more';
    await store.updateTask(task, { status: 'failed', reason, updatedAtMs: clock.nowMs() });
    logger.warn('task failed', { taskId, chainId, avs, reason });
  }
  for (const { sender, chainId, time } of chains) {
    await sender.restore(async (subject) => {
      // The subject of a transaction is the task whose result it carries; after the deadline it could only revert.
      const task = taken.get(taskName({ chainId, taskId: subject as TaskId }));
      return task !== undefined && task.deadlineSeconds >= time.nowSeconds();
    });
  }
  runner.add([...taken.values()].map(queued));
  if (taken.size > 0) logger.info('unfinished tasks are taken up again', { tasks: taken.size });
}
