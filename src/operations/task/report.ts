/** A task as `ponos task` shows it: one shape for people and for machines. */
import type { TaskId } from '../../base/brands.js';
import { toHex } from '../../base/bytes.js';
import type { TaskInfo } from '../../chain/contracts/task-mailbox.js';
import { curveNameOf } from '../../crypto/curve.js';
import { TaskStatus } from '../../protocol/enums.js';

export interface TaskReport {
  readonly taskId: TaskId;
  readonly chain: string;
  readonly status: string;
  readonly avs: string;
  readonly operatorSet: number;
  readonly curve: string;
  readonly created: string;
  readonly deadline: string;
  readonly payload: string;
  readonly result: string;
}

/** The name of a mailbox status. */
function statusName(status: number): string {
  return Object.entries(TaskStatus).find(([, value]) => value === status)?.[0] ?? `unknown (${status})`;
}

export function reportOf(taskId: TaskId, chain: string, task: TaskInfo): TaskReport {
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  return {
    taskId,
    chain,
    status: statusName(task.status),
    avs: task.operatorSet.avs,
    operatorSet: task.operatorSet.id,
    curve: curveNameOf(task.config.curveType) ?? 'none',
    created: time(task.creationTimeSeconds),
    deadline: time(task.creationTimeSeconds + task.config.taskSlaSeconds),
    payload: toHex(task.payload),
    result: toHex(task.result),
  };
}

/** Name and value a line; bytes that are text are shown as text too. */
export function renderReport(report: TaskReport): string {
  return Object.entries(report)
    .map(([name, value]) => `${name.padEnd(12)}${value}${asText(name, value)}`)
    .join('\n');
}

function asText(name: string, value: unknown): string {
  if ((name !== 'payload' && name !== 'result') || typeof value !== 'string' || value === '0x') return '';
  const text = Buffer.from(value.slice(2), 'hex').toString('utf8');
  return /^[\x20-\x7e]+$/.test(text) ? `  ("${text}")` : '';
}
