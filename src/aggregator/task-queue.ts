/**
 * The order in which tasks get a slot. Between AVSs: the one with the fewest running tasks is next, so
 * that one AVS's burst does not delay another's. Within an AVS: the earliest deadline first.
 */
import type { Address } from '../base/brands.js';
import type { StoredTask, TaskKey } from '../store/aggregator-records.js';
import { taskName } from './task-plan.js';

/** What the queue needs to know of a task; everything else stays in the store until the task runs. */
export interface QueuedTask extends TaskKey {
  /** See `taskName`. */
  readonly key: string;
  readonly avs: Address;
  /** Unix seconds by chain time. */
  readonly deadlineSeconds: number;
}

/** What is queued of a stored task. */
export function queued(task: Pick<StoredTask, 'chainId' | 'taskId' | 'avs' | 'deadlineSeconds'>): QueuedTask {
  const { chainId, taskId, avs, deadlineSeconds } = task;
  return { key: taskName(task), chainId, taskId, avs, deadlineSeconds };
}

interface Lane<T> {
  waiting: T[];
  running: number;
  /** When this AVS last got a slot, as a count of slots given; breaks ties round-robin. */
  lastTurn: number;
}

export class TaskQueue<T extends QueuedTask> {
  readonly #maxConcurrent: number;
  readonly #lanes = new Map<Address, Lane<T>>();
  #running = 0;
  #turns = 0;

  constructor(maxConcurrent: number) {
    this.#maxConcurrent = maxConcurrent;
  }

  /** Tasks that wait for a slot. */
  get waiting(): number {
    let sum = 0;
    for (const lane of this.#lanes.values()) sum += lane.waiting.length;
    return sum;
  }

  get running(): number {
    return this.#running;
  }

  add(task: T): void {
    const lane = this.#lanes.get(task.avs) ?? { waiting: [], running: 0, lastTurn: 0 };
    this.#lanes.set(task.avs, lane);
    lane.waiting.splice(insertionPoint(lane.waiting, task.deadlineSeconds), 0, task);
  }

  /** Takes the next task and gives it a slot, to be handed back by `release`; undefined when none may run. */
  take(): T | undefined {
    if (this.#running >= this.#maxConcurrent) return undefined;
    let best: Lane<T> | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.waiting.length > 0 && (best === undefined || goesBefore(lane, best))) best = lane;
    }
    const task = best?.waiting.shift();
    if (best === undefined || task === undefined) return undefined;
    best.running += 1;
    best.lastTurn = ++this.#turns;
    this.#running += 1;
    return task;
  }

  /** Gives the slot of a taken task back. */
  release(task: T): void {
    const lane = this.#lanes.get(task.avs);
    if (lane === undefined) return;
    lane.running -= 1;
    this.#running -= 1;
    this.#forgetIfIdle(task.avs, lane);
  }

  /** Takes a waiting task out of the queue; undefined when it is not waiting. */
  remove(key: string): T | undefined {
    for (const [avs, lane] of this.#lanes) {
      const at = lane.waiting.findIndex((task) => task.key === key);
      if (at < 0) continue;
      const [task] = lane.waiting.splice(at, 1);
      this.#forgetIfIdle(avs, lane);
      return task;
    }
    return undefined;
  }

  #forgetIfIdle(avs: Address, lane: Lane<T>): void {
    if (lane.running === 0 && lane.waiting.length === 0) this.#lanes.delete(avs);
  }
}

function goesBefore<T>(a: Lane<T>, b: Lane<T>): boolean {
  return a.running !== b.running ? a.running < b.running : a.lastTurn < b.lastTurn;
}

/** After all tasks of an earlier or equal deadline, so that equal deadlines keep the order of arrival. */
function insertionPoint(tasks: readonly QueuedTask[], deadlineSeconds: number): number {
  let low = 0;
  let high = tasks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const deadline = tasks[middle]?.deadlineSeconds ?? Number.POSITIVE_INFINITY;
    if (deadline <= deadlineSeconds) low = middle + 1;
    else high = middle;
  }
  return low;
}
