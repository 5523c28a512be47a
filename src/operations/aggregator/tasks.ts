/** `ponos aggregator tasks`: the tasks of a running aggregator. */

import { createClient } from 'nice-grpc';
import { printable } from '../../base/printable.js';
import { type TaskSummary, TaskServiceDefinition as Tasks } from '../../rpc/generated/ponos/v1/tasks.js';
import { avsFlag } from '../flag-value.js';
import { formatTime, withoutBigints } from '../format.js';
import type { NodeFlags } from '../management/node-access.js';
import { askNode, QUICK_MS } from '../management/node-command.js';
import { renderTable } from '../table.js';
import type { Terminal } from '../terminal.js';

export interface TasksFlags extends NodeFlags {
  readonly status?: string;
  readonly chain?: number;
  readonly avs?: string;
  readonly limit?: number;
  readonly json?: boolean;
}

/** The newest first. @throws PonosError USAGE, and as the node answers */
export async function showTasks(flags: TasksFlags, terminal: Terminal): Promise<void> {
  const { status = '', chain = 0, avs, limit = 0 } = flags;
  const request = { status, chainId: BigInt(chain), avsAddress: avsFlag(avs), limit, auth: undefined };
  const command = { role: 'aggregator', flags, terminal, timeoutMs: QUICK_MS } as const;
  const { tasks, found } = await askNode(command, {
    service: Tasks,
    method: Tasks.methods.list,
    request,
    send: (channel) => createClient(Tasks, channel).list,
  });
  if (flags.json) {
    for (const task of tasks) terminal.print(JSON.stringify(withoutBigints(task)));
    return;
  }
  terminal.print(tasks.length === 0 ? 'no such tasks' : tableOf(tasks));
  if (found > BigInt(tasks.length)) terminal.print(`${tasks.length} of ${found}; --limit N shows more`);
}

function tableOf(tasks: readonly TaskSummary[]): string {
  const heading = ['task', 'chain', 'status', 'step', 'attempts', 'seen', 'changed', 'reason or transaction'];
  const rows = tasks.map((task) => [
    task.taskId,
    String(task.chainId),
    task.status,
    task.step === '' ? '-' : task.step,
    String(task.attempts),
    formatTime(Number(task.createdAtMs)),
    formatTime(Number(task.updatedAtMs)),
    task.reason === '' ? task.transactionHash : task.reason,
  ]);
  return renderTable([heading, ...rows.map((row) => row.map(printable))]);
}
