/** `ponos task status`: what the mailbox knows of a task. */
import { parseTaskId } from '../../base/brands.js';
import { PonosError } from '../../base/error.js';
import { createTaskMailbox } from '../../chain/contracts/task-mailbox.js';
import { TaskStatus } from '../../protocol/enums.js';
import { flagValue } from '../flag-value.js';
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
  const { client, mailbox } = await openTarget(flags);
  try {
    await client.start();
    const task = await createTaskMailbox(client, mailbox).getTaskInfo(taskId, 'latest');
    if (task.status === TaskStatus.none) {
      throw new PonosError('TASK_UNKNOWN', {
        message: 'the mailbox does not know this task',
        facts: { taskId, chain: client.name, mailbox },
        advice: 'Is it the right chain? Name it with --chain or --rpc-url.',
      });
    }
    const report = reportOf(taskId, client.name, task);
    flags.write(flags.json ? JSON.stringify(report) : renderReport(report));
  } finally {
    await client.close();
  }
}
