/** Many tasks at once, each in a slot of its own; what happens to one never touches another. */
import type { ChainId } from '../base/brands.js';
import { abortWith } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { type QueuedTask, TaskQueue, type TaskQueueOptions } from './task-queue.js';

export interface TaskRunnerOptions extends TaskQueueOptions {
  /**
   * Works on one task until it is settled or the signal aborts. A run that only waits may leave its slot to others;
   * to go on working it ends with `again`, and gets a slot when its turn comes.
   */
  readonly run: (task: QueuedTask, signal: AbortSignal, leaveSlot: () => void) => Promise<RunEnd>;
  /** Aborts when a chain is not followed any more, and the runs of its tasks with it. */
  readonly givenUp: (chainId: ChainId) => AbortSignal;
  readonly logger: Logger;
}

export type RunEnd = 'over' | 'again';

interface Running {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
  /** Whether it only waits, without a slot. */
  isWaiting: boolean;
  /** The same task taken up again, after a reorg, while this cancelled run still winds up. */
  again: QueuedTask | undefined;
}

export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #queue: TaskQueue<QueuedTask>;
  readonly #running = new Map<string, Running>();
  #takesTasks = true;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
    this.#queue = new TaskQueue(options);
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  get running(): number {
    return this.#running.size;
  }

  /**
   * Runs the tasks when their turn comes, which is decided when all of them are known: the first of a block's tasks
   * are not the most urgent. While draining it does nothing: the tasks are in the store.
   */
  add(tasks: readonly QueuedTask[]): void {
    if (!this.#takesTasks) return;
    for (const task of tasks) {
      const earlier = this.#running.get(task.key);
      if (earlier === undefined) this.#queue.add(task);
      else earlier.again = task;
    }
    this.#startNext();
  }

  /** Takes a task out of the queue, or aborts its run with `reason`. */
  cancel(key: string, reason: PonosError): void {
    this.#queue.remove(key);
    const running = this.#running.get(key);
    if (running === undefined) return;
    running.again = undefined;
    running.controller.abort(reason);
  }

  /**
   * Starts no further task and resolves when the running ones have ended; at the latest, `signal` aborts them. Those
   * that only wait are aborted at once: there is nothing of theirs to bring to an end.
   */
  async drain(signal: AbortSignal): Promise<void> {
    this.#takesTasks = false;
    for (const running of this.#running.values()) if (running.isWaiting) stop(running);
    const abort = () => {
      for (const { controller } of this.#running.values()) controller.abort(signal.reason);
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
    signal.removeEventListener('abort', abort);
  }

  #startNext(): void {
    while (this.#takesTasks) {
      const task = this.#queue.take();
      if (task === undefined) return;
      const controller = new AbortController();
      const unlink = abortWith(controller, this.#options.givenUp(task.chainId));
      const ended = this.#run(task, controller.signal).finally(unlink);
      this.#running.set(task.key, { controller, ended, isWaiting: false, again: undefined });
    }
  }

  async #run(task: QueuedTask, signal: AbortSignal): Promise<void> {
    let hasSlot = true;
    const release = () => {
      if (hasSlot) this.#queue.release(task);
      hasSlot = false;
    };
    const leaveSlot = () => {
      release();
      const running = this.#running.get(task.key);
      if (running !== undefined) running.isWaiting = true;
      if (running !== undefined && !this.#takesTasks) stop(running);
      this.#startNext();
    };
    let end: RunEnd = 'over';
    try {
      end = await this.#options.run(task, signal, leaveSlot);
    } catch (error) {
      this.#options.logger.error('a task ended unexpectedly', { taskId: task.taskId, avs: task.avs, error });
    } finally {
      // Never before `#startNext` has noted the run: an async function's body may end at once.
      await Promise.resolve();
      const { again = end === 'again' && !signal.aborted ? task : undefined } =
        this.#running.get(task.key) ?? {};
      this.#running.delete(task.key);
      release();
      this.add(again === undefined ? [] : [again]);
    }
  }
}

function stop({ controller }: Running): void {
  controller.abort(new PonosError('ABORTED', { message: 'the node is stopping' }));
}
