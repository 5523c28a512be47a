/** `ponos storage tasks list|show`: the tasks that an aggregator keeps. */
import { type ChainId, parseTaskId, type TaskId } from '../../base/brands.js';
import { toHex } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import { printable } from '../../base/printable.js';
import { taskOfKey } from '../../store/aggregator-keys.js';
import type { StoredTaskStatus, TaskRecord } from '../../store/aggregator-records.js';
import { createAggregatorStore } from '../../store/aggregator-store.js';
import type { KeyValueStore } from '../../store/key-value-store.js';
import { keysBelow } from '../../store/store-key.js';
import { flagValue } from '../flag-value.js';
import { formatTime } from '../format.js';
import { renderTable } from '../table.js';
import type { Terminal } from '../terminal.js';
import { type StoreFlags, selectDirectory } from './select-store.js';
import { requireRole, warnOfDamage, withStoppedStore } from './stopped-store.js';

export interface ListTasksFlags extends StoreFlags {
  readonly status?: StoredTaskStatus;
  readonly chain?: number;
  /** The newest so many. */
  readonly limit?: number;
  readonly json?: boolean;
}

export interface ShowTaskFlags extends StoreFlags {
  readonly taskId: string;
  readonly json?: boolean;
}

/** The newest first. @throws PonosError of the store */
export async function listTasks(flags: ListTasksFlags, terminal: Terminal): Promise<void> {
  const { status, chain } = flags;
  const target = await selectDirectory(flags, terminal.env);
  const tasks = await withStoppedStore(target, async (opened) => {
    const { store, content } = opened;
    requireRole(content.role, 'aggregator');
    await warnOfDamage(opened, terminal.stderr);
    const found: TaskRecord[] = [];
    for await (const task of createAggregatorStore(store).taskRecords()) {
      if ((status ?? task.status) === task.status && (chain ?? task.chainId) === task.chainId)
        found.push(task);
    }
    return found.sort((a, b) => b.createdAtMs - a.createdAtMs).slice(0, flags.limit);
  });
  if (flags.json) {
    for (const task of tasks) terminal.print(JSON.stringify(task));
    return;
  }
  const heading = ['task', 'chain', 'status', 'attempts', 'seen', 'changed', 'reason or transaction'];
  const rows = tasks.map((task) => [
    task.taskId,
    String(task.chainId),
    task.status,
    String(task.attempts),
    formatTime(task.createdAtMs),
    formatTime(task.updatedAtMs),
    printable(task.reason ?? task.transactionHash ?? ''),
  ]);
  terminal.print(tasks.length === 0 ? 'no such tasks' : renderTable([heading, ...rows]));
}

/** @throws PonosError TASK_UNKNOWN when no chain's tasks have it, and those of the store */
export async function showTask(flags: ShowTaskFlags, terminal: Terminal): Promise<void> {
  const taskId = flagValue('<task-id>', flags.taskId, parseTaskId);
  const target = await selectDirectory(flags, terminal.env);
  const found = await withStoppedStore(target, async (opened) => {
    const { store, content, dir } = opened;
    requireRole(content.role, 'aggregator');
    await warnOfDamage(opened, terminal.stderr);
    const reports = await reportsOf(store, taskId);
    if (reports.length > 0) return reports;
    throw new PonosError('TASK_UNKNOWN', {
      message: 'the store has no such task',
      facts: { taskId, dir },
      advice: 'Finished tasks leave after the retention time; `ponos task status` asks the chain.',
    });
  });
  for (const report of found) terminal.print(flags.json ? JSON.stringify(report) : renderReport(report));
}

/** One, but for a task id that two chains have. */
async function reportsOf(store: KeyValueStore, taskId: TaskId) {
  const reports = [];
  const typed = createAggregatorStore(store);
  for (const chainId of await chainsOf(store, taskId)) {
    const task = await typed.task({ chainId, taskId });
    if (task === undefined) continue;
    const { payload, ...record } = task;
    const answers = await typed.answers(task, task.referenceTimestamp);
    const shown = answers.map(async ({ operator, outputHash, receivedAtMs }) => {
      const output = await typed.output(task, outputHash);
      return { operator, output: output && toHex(output), outputHash, receivedAtMs };
    });
    reports.push({ ...record, payload: toHex(payload), answers: await Promise.all(shown) });
  }
  return reports;
}

async function chainsOf(store: KeyValueStore, taskId: TaskId): Promise<ChainId[]> {
  const chains: ChainId[] = [];
  for await (const { key } of store.scan(keysBelow('task'))) {
    const found = taskOfKey(key);
    if (found.taskId === taskId) chains.push(found.chainId);
  }
  return chains;
}

function renderReport({ answers, ...fields }: Awaited<ReturnType<typeof reportsOf>>[number]): string {
  const times: Readonly<Record<string, number>> = {
    blockTimestampSeconds: 1000,
    deadlineSeconds: 1000,
    createdAtMs: 1,
    updatedAtMs: 1,
  };
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  const width = Math.max(...known.map(([name]) => name.length));
  const lines = known.map(([name, value]) => {
    const unitMs = times[name];
    const shown = unitMs === undefined ? printable(String(value)) : formatTime(Number(value) * unitMs);
    return `${name.padEnd(width)}  ${shown}`;
  });
  const rows = answers.map(({ operator, output, outputHash, receivedAtMs }) => [
    operator,
    formatTime(receivedAtMs),
    output ?? `left the store; keccak-256 ${outputHash}`,
  ]);
  return [
    ...lines,
    '',
    rows.length === 0 ? 'no answers' : renderTable([['operator', 'answered', 'output'], ...rows]),
  ].join('\n');
}
