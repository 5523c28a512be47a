/** Whether what an aggregator's store says of tasks is what the chain says; pure. */
import { TaskStatus } from '../../src/protocol/enums.js';
import { REORGED, type StoredTask } from '../../src/store/aggregator-records.js';
import type { Problem } from './judge-payments.js';
import type { Payment } from './payments.js';
import type { ChainTask } from './sim-chain.js';

/** What a simulation knows of a task that it has created. */
export interface Circumstances {
  /** Created after everything was mended: there is no excuse. */
  readonly isFresh: boolean;
  /** An executor gave a wrong answer, or refused. */
  readonly isBetrayed: boolean;
  /** Blocks were replaced since it was created, so that a transaction with its result may come in vain. */
  readonly reorgs: number;
}

export interface JudgedChain {
  /** The tasks on the chain, all past their deadline or ended, and those that were on it when they were seen. */
  readonly onChain: readonly ChainTask[];
  readonly stored: readonly StoredTask[];
  readonly payments: readonly Payment[];
  /** Chain time of a block. */
  readonly timeOf: (block: number) => number;
  readonly circumstances: (task: ChainTask) => Circumstances;
}

const EXPIRED = /deadline of the task has passed|mailbox has closed the task|has refused the result until/;
const LOST = /the threshold cannot be met any more/;

export function judgeTasks({ onChain, stored, circumstances }: JudgedChain): Problem[] {
  const records = new Map(stored.map((task) => [task.taskId, task]));
  const present = new Set(onChain.map(({ taskId }) => taskId));
  const problems = onChain.flatMap((task): Problem[] => {
    const { taskId } = task;
    const what = wrongWith(task, records.get(taskId), circumstances(task));
    return what === undefined ? [] : [{ taskId, what }];
  });
  for (const { taskId, status, reason = '' } of stored) {
    if (present.has(taskId) || (status === 'failed' && isPossibleReason(reason))) continue;
    problems.push({ taskId, what: `is not on the chain and ${status} in the store: ${reason}` });
  }
  return problems;
}

/** Of what never stayed on the chain: it may have ended before a reorg took it. */
function isPossibleReason(reason: string): boolean {
  return reason === REORGED || EXPIRED.test(reason) || LOST.test(reason);
}

function wrongWith(
  task: ChainTask,
  record: StoredTask | undefined,
  circumstances: Circumstances,
): string | undefined {
  const { status, payload, result, block, deadlineSeconds } = task;
  if (record === undefined) return 'was forgotten: the store has nothing of it';
  const { reason = '' } = record;
  const told = `${record.status} in the store${reason === '' ? '' : ` (${reason})`}`;
  if (record.blockNumber !== block) return `is of block ${block}, and of ${record.blockNumber} in the store`;
  if (record.deadlineSeconds !== deadlineSeconds)
    return `ends at ${deadlineSeconds}, and at ${record.deadlineSeconds} in the store`;
  if (status === TaskStatus.verified) {
    if (result !== `done ${payload}`) return `was verified with ${result}`;
    return record.status === 'completed' ? undefined : `is verified on chain and ${told}`;
  }
  if (record.status !== 'failed') return `is not verified (status ${status}) and ${told}`;
  if (circumstances.isFresh) return `had no reason to fail, and ${told}`;
  if (EXPIRED.test(reason)) return status === TaskStatus.expired ? undefined : `is not over yet and ${told}`;
  if (LOST.test(reason) && circumstances.isBetrayed) return undefined;
  return `failed for no true reason: ${told}`;
}

/**
 * One successful transaction for a verified task and none for others is the mailbox' own rule. What the aggregator may
 * pay beside it: what a reorg or the deadline has overtaken.
 */
export function judgeSpending({ onChain, payments, circumstances, timeOf }: JudgedChain): Problem[] {
  const byId = new Map<string, ChainTask>(onChain.map((task) => [task.taskId, task]));
  const reverted = new Map<string, Payment[]>();
  const problems: Problem[] = [];
  const succeeded = new Map<string, number>();
  for (const payment of payments) {
    const { taskId, succeeded: isGood } = payment;
    if (taskId === undefined) continue; // empty, in the place of one that was not needed any more
    if (isGood) succeeded.set(taskId, (succeeded.get(taskId) ?? 0) + 1);
    else reverted.set(taskId, [...(reverted.get(taskId) ?? []), payment]);
  }
  for (const task of onChain) {
    const times = succeeded.get(task.taskId) ?? 0;
    const due = task.status === TaskStatus.verified ? 1 : 0;
    if (times !== due)
      problems.push({ taskId: task.taskId, what: `was paid for ${times} times, not ${due}` });
  }
  for (const [taskId, list] of reverted) {
    const task = byId.get(taskId);
    // Of a task that a reorg took for good: one transaction was on its way then.
    const reorgs = task === undefined ? 1 : circumstances(task).reorgs;
    const early = list.filter(({ block }) => task === undefined || timeOf(block) <= task.deadlineSeconds);
    if (early.length > reorgs) {
      const what = `${early.length} transactions reverted in time, with ${reorgs} reorgs: blocks ${early.map(({ block }) => block)}`;
      problems.push({ taskId, what });
    }
    if (list.length - early.length > 1)
      problems.push({
        taskId,
        what: `${list.length - early.length} transactions reverted after its deadline`,
      });
  }
  return problems;
}
