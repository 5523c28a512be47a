/** `ponos.v1.TaskService`: the tasks of a running aggregator. */
import type { CallContext } from 'nice-grpc';
import { PonosError } from '../base/error.js';
import type { ManagementGuard } from '../rpc/auth/management-guard.js';
import {
  TaskServiceDefinition as service,
  type TaskServiceImplementation,
  type TaskSummary,
} from '../rpc/generated/ponos/v1/tasks.js';
import { optionalAddress } from '../rpc/request-fields.js';
import type { StoredTaskStatus, TaskRecord } from '../store/aggregator-records.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import { taskName } from './task-plan.js';
import type { TaskStory } from './tracker.js';

export interface TaskServiceOptions {
  /** Says who may call. */
  readonly guard: ManagementGuard;
  readonly store: Pick<AggregatorStore, 'taskRecords'>;
  /** Tasks under way, by name. */
  readonly stories: () => ReadonlyMap<string, Pick<TaskStory, 'step'>>;
}

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
const STATUSES = ['pending', 'processing', 'completed', 'failed'] as const satisfies StoredTaskStatus[];

export function createTaskService({ guard, store, stories }: TaskServiceOptions): TaskServiceImplementation {
  return {
    async list(request, { peer }: CallContext) {
      guard.admit({ service, method: service.methods.list, request }, peer);
      const status = requestedStatus(request.status);
      const avs = optionalAddress('avs_address', request.avsAddress);
      const chain = request.chainId === 0n ? undefined : Number(request.chainId);
      const newest = new NewestTasks(Math.min(request.limit || DEFAULT_LIMIT, MAX_LIMIT));
      for await (const task of store.taskRecords()) {
        if ((status ?? task.status) !== task.status) continue;
        if ((avs ?? task.avs) !== task.avs || (chain ?? task.chainId) !== task.chainId) continue;
        newest.add(task);
      }
      return {
        tasks: newest.sorted().map((task) => summaryOf(task, stories().get(taskName(task))?.step)),
        found: BigInt(newest.seen),
      };
    },
  };
}

function requestedStatus(text: string): StoredTaskStatus | undefined {
  if (text === '') return undefined;
  const status = STATUSES.find((known) => known === text);
  if (status !== undefined) return status;
  throw new PonosError('REQUEST_INVALID', { message: `status: must be one of ${STATUSES.join(', ')}` });
}

/** The newest of many tasks, without holding many more than are wanted. */
class NewestTasks {
  readonly #limit: number;
  #kept: TaskRecord[] = [];
  seen = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(task: TaskRecord): void {
    this.seen += 1;
    this.#kept.push(task);
    if (this.#kept.length >= 2 * this.#limit) this.#kept = this.sorted();
  }

  sorted(): TaskRecord[] {
    return this.#kept.sort((a, b) => b.createdAtMs - a.createdAtMs).slice(0, this.#limit);
  }
}

function summaryOf(task: TaskRecord, step: string | undefined): TaskSummary {
  return {
    taskId: task.taskId,
    chainId: BigInt(task.chainId),
    avsAddress: task.avs,
    operatorSetId: task.operatorSetId,
    status: task.status,
    reason: task.reason ?? '',
    attempts: task.attempts,
    transactionHash: task.transactionHash ?? '',
    blockNumber: BigInt(task.blockNumber),
    deadlineSeconds: BigInt(task.deadlineSeconds),
    createdAtMs: BigInt(task.createdAtMs),
    updatedAtMs: BigInt(task.updatedAtMs),
    step: step ?? '',
  };
}
