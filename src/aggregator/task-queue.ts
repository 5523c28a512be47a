/**
 * The order in which tasks get a slot. Between AVSs: the one with the fewest running tasks is next, in turns. Within
 * an AVS: the earliest deadline first, which meets all deadlines whenever any order does.
 *
 * Running tasks are not interrupted: an AVS whose burst held every slot would keep the others waiting for as long as
 * its executors take. Therefore half of the slots are kept in equal parts, one for each AVS that is served (more, where
 * a part would be no slot); the others are for whoever needs more. An AVS that needs no more than its part never waits.
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

export interface TaskQueueOptions {
  /** Slots. */
  readonly maxConcurrent: number;
  /** AVSs whose tasks may come; 1 leaves all slots to the one. */
  readonly avsCount: () => number;
}

export class TaskQueue<T extends QueuedTask> {
  readonly #options: TaskQueueOptions;
  readonly #lanes = new Map<Address, Lane<T>>();
  readonly #waiting = new Map<string, T>();
  #running = 0;
  #turns = 0;

  constructor(options: TaskQueueOptions) {
    this.#options = options;
  }

  /** Tasks that wait for a slot. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get running(): number {
    return this.#running;
  }

  /** A task that waits already is put where its deadline now belongs. */
  add(task: T): void {
    this.remove(task.key);
    this.#waiting.set(task.key, task);
    const lane = this.#lanes.get(task.avs) ?? { waiting: [], running: 0, lastTurn: 0 };
    this.#lanes.set(task.avs, lane);
    lane.waiting.splice(firstAfter(lane.waiting, task.deadlineSeconds), 0, task);
  }

  /** Takes the next task and gives it a slot, to be handed back by `release`; undefined when none may run. */
  take(): T | undefined {
    let best: Lane<T> | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.waiting.length > 0 && (best === undefined || goesBefore(lane, best))) best = lane;
    }
    if (best === undefined || !this.#mayStart(best)) return undefined;
    const task = best.waiting.shift();
    if (task === undefined) return undefined;
    this.#waiting.delete(task.key);
    best.running += 1;
    best.lastTurn = ++this.#turns;
    this.#running += 1;
    return task;
  }

  /** Of the lane with the fewest running tasks; what is not for this one is for no other either. */
  #mayStart({ running }: Lane<T>): boolean {
    const { maxConcurrent, avsCount } = this.#options;
    const free = maxConcurrent - this.#running;
    const avss = Math.max(avsCount(), this.#lanes.size);
    const part = keptSlots(maxConcurrent, avss);
    if (running < part) return free > 0;
    let unused = avss * part;
    for (const lane of this.#lanes.values()) unused -= Math.min(lane.running, part);
    return free > unused;
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
    const task = this.#waiting.get(key);
    const lane = task && this.#lanes.get(task.avs);
    if (task === undefined || lane === undefined) return undefined;
    this.#waiting.delete(key);
    lane.waiting.splice(lane.waiting.indexOf(task, firstAfter(lane.waiting, task.deadlineSeconds - 1)), 1);
    this.#forgetIfIdle(task.avs, lane);
    return task;
  }

  #forgetIfIdle(avs: Address, lane: Lane<T>): void {
    if (lane.running === 0 && lane.waiting.length === 0) this.#lanes.delete(avs);
  }
}

/** Slots that are kept for each of several AVSs; none where there are fewer slots than AVSs. */
export function keptSlots(maxConcurrent: number, avss: number): number {
  if (avss <= 1) return 0;
  return Math.min(Math.floor(maxConcurrent / avss), Math.max(1, Math.floor(maxConcurrent / (2 * avss))));
}

function goesBefore<T>(a: Lane<T>, b: Lane<T>): boolean {
  return a.running !== b.running ? a.running < b.running : a.lastTurn < b.lastTurn;
}

/** Behind all tasks of an earlier or equal deadline, so that equal deadlines keep the order of arrival. */
function firstAfter(tasks: readonly QueuedTask[], deadlineSeconds: number): number {
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
