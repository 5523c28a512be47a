/** A chain as a place where tasks are: its mailbox read at the head. */
import type { TaskId } from '../base/brands.js';
import type { Block } from '../chain/block.js';
import type { ChainClient } from '../chain/client.js';
import { createTaskMailbox } from '../chain/contracts/task-mailbox.js';
import type { CoreAddresses } from '../config/known-chains.js';
import { TaskStatus } from '../protocol/enums.js';
import type { MailboxTask, TaskChain } from './admit-task.js';

/** @param onHead told of each head that is read */
export function createMailboxChain(
  client: ChainClient,
  addresses: CoreAddresses,
  refusedCurves: TaskChain['refusedCurves'],
  onHead: (head: Block) => void,
): TaskChain {
  const mailbox = createTaskMailbox(client, addresses.taskMailbox);
  return {
    chainId: client.chainId,
    ecdsaVerifier: addresses.ecdsaCertificateVerifier,
    refusedCurves,
    async readTask(taskId: TaskId): Promise<MailboxTask | undefined> {
      const task = await mailbox.getTaskInfo(taskId, 'latest');
      if (task.status === TaskStatus.none) return undefined;
      const head = await client.head();
      onHead(head);
      return {
        avs: task.operatorSet.avs,
        operatorSetId: task.operatorSet.id,
        referenceTimestamp: task.referenceTimestamp,
        payload: task.payload,
        deadlineSeconds: task.creationTimeSeconds + task.config.taskSlaSeconds,
        headSeconds: head.timestampSeconds,
      };
    },
  };
}
