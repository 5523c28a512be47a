/** `ponos task watch`: tasks as they are created and verified. */
import { parseTaskId, type TaskId } from '../../base/brands.js';
import { toHex } from '../../base/bytes.js';
import { systemClock } from '../../base/clock.js';
import { isPonosError, PonosError } from '../../base/error.js';
import type { ChainLog } from '../../chain/block.js';
import type { ChainClient } from '../../chain/client.js';
import {
  createTaskMailbox,
  decodeTaskCreated,
  decodeTaskVerified,
  TASK_CREATED_TOPIC,
} from '../../chain/contracts/task-mailbox.js';
import { optionalFlagValue } from '../flag-value.js';
import { abortOnInterrupt } from '../interrupt.js';
import { followMailbox } from './follow-mailbox.js';
import { readTask } from './read-task.js';
import { renderReport, reportOf } from './report.js';
import { openTarget, type Target, type TargetFlags } from './target.js';
import { waitForEnd } from './wait.js';

export interface WatchTasksFlags extends TargetFlags {
  readonly taskId?: string;
  readonly json?: boolean;
  readonly write: (line: string) => void;
  /** Beside the output: what becomes of the watching itself. */
  readonly tell: (line: string) => void;
}

/**
 * Ends at Ctrl-C, and at no outage of the endpoint; with a task id, when that task has ended.
 * @throws PonosError TASK_UNKNOWN, TASK_EXPIRED for one that ended unverified, and those of the chain
 */
export async function watchTasks(flags: WatchTasksFlags): Promise<void> {
  const taskId = optionalFlagValue('<task-id>', flags.taskId, parseTaskId);
  const target = await openTarget(flags);
  const interrupt = abortOnInterrupt();
  try {
    await target.client.start(interrupt.signal);
    if (taskId !== undefined) await watchOne(flags, target, taskId, interrupt.signal);
    else await watchAll(flags, target, interrupt.signal);
  } catch (error) {
    if (!isPonosError(error, 'ABORTED')) throw error;
  } finally {
    interrupt.release();
    await target.client.close();
  }
}

async function watchOne(
  flags: WatchTasksFlags,
  target: Target,
  taskId: TaskId,
  signal: AbortSignal,
): Promise<void> {
  const { client, mailbox } = target;
  // With a misspelt id, or on another chain, it would be waited for for ever.
  await readTask(target, taskId);
  const task = await waitForEnd(createTaskMailbox(client, mailbox), taskId, systemClock, signal);
  const report = reportOf(taskId, client.name, task);
  flags.write(flags.json ? JSON.stringify(report) : renderReport(report));
  if (report.status === 'expired') {
    throw new PonosError('TASK_EXPIRED', { message: 'the task expired unverified', facts: { taskId } });
  }
}

function watchAll(flags: WatchTasksFlags, target: Target, signal: AbortSignal): Promise<never> {
  const { client, mailbox } = target;
  const onEvent = (log: ChainLog) => flags.write(renderLog(client, log, flags.json));
  return followMailbox({ client, mailbox, clock: systemClock, onEvent, tell: flags.tell }, signal);
}

function renderLog(client: ChainClient, log: ChainLog, json: boolean | undefined): string {
  const isCreated = log.topics[0] === TASK_CREATED_TOPIC;
  const event = isCreated ? decodeTaskCreated(log) : decodeTaskVerified(log);
  const bytes = 'payload' in event ? { payload: toHex(event.payload) } : { result: toHex(event.result) };
  const fields = {
    event: isCreated ? 'created' : 'verified',
    chain: client.name,
    block: log.blockNumber,
    taskId: event.taskId,
    avs: event.operatorSet.avs,
    operatorSet: event.operatorSet.id,
    ...bytes,
  };
  if (json) return JSON.stringify(fields);
  const { event: what, ...rest } = fields;
  const tail = Object.entries(rest).map(([name, value]) => `${name}=${value}`);
  return `${what.padEnd(9)}${tail.join(' ')}`;
}
