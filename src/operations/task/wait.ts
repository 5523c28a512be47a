/** Waiting for a task's end. */
import type { TaskId } from '../../base/brands.js';
import type { Clock } from '../../base/clock.js';
import { isRetryable } from '../../base/error.js';
import type { TaskInfo, TaskMailbox } from '../../chain/contracts/task-mailbox.js';
import { TaskStatus } from '../../protocol/enums.js';

const POLL_MS = 250;

/**
 * Resolves with the task once it is verified or expired. An endpoint that fails for a moment is
 * asked again: the task goes on without us.
 */
export async function waitForEnd(
  mailbox: TaskMailbox,
  taskId: TaskId,
  clock: Clock,
  signal?: AbortSignal,
): Promise<TaskInfo> {
  for (;;) {
    try {
      const task = await mailbox.getTaskInfo(taskId, 'latest');
      if (task.status === TaskStatus.verified || task.status === TaskStatus.expired) return task;
    } catch (error) {
      if (!isRetryable(error)) throw error;
    }
    await clock.sleep(POLL_MS, signal);
  }
}
