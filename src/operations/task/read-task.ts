/** A task as the mailbox of a command's chain has it. */
import type { TaskId } from '../../base/brands.js';
import { PonosError } from '../../base/error.js';
import { createTaskMailbox, type TaskInfo } from '../../chain/contracts/task-mailbox.js';
import { TaskStatus } from '../../protocol/enums.js';
import type { Target } from './target.js';

/** @throws PonosError TASK_UNKNOWN when the mailbox never heard of it, and the client's */
export async function readTask({ client, mailbox }: Target, taskId: TaskId): Promise<TaskInfo> {
  const task = await createTaskMailbox(client, mailbox).getTaskInfo(taskId, 'latest');
  if (task.status !== TaskStatus.none) return task;
  throw new PonosError('TASK_UNKNOWN', {
    message: 'the mailbox does not know this task',
    facts: { taskId, chain: client.name, mailbox },
    advice: 'Is it the right chain? Name it with --chain or --rpc-url.',
  });
}
