/** `ponos task status`: what the mailbox knows of a task. */
import { parseTaskId } from '../../base/brands.js';
import { flagValue } from '../flag-value.js';
import { readTask } from './read-task.js';
import { renderReport, reportOf } from './report.js';
import { openTarget, type TargetFlags } from './target.js';

export interface ShowTaskFlags extends TargetFlags {
  readonly taskId: string;
  readonly json?: boolean;
  readonly write: (line: string) => void;
}

/** @throws PonosError TASK_UNKNOWN when the mailbox never heard of it */
export async function showTask(flags: ShowTaskFlags): Promise<void> {
  const taskId = flagValue('<task-id>', flags.taskId, parseTaskId);
  const target = await openTarget(flags);
  const { client } = target;
  try {
    await client.start();
    const report = reportOf(taskId, client.name, await readTask(target, taskId));
    flags.write(flags.json ? JSON.stringify(report) : renderReport(report));
  } finally {
    await client.close();
  }
}
