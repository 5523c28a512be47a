/**
 * Turns at what all tasks share: a processor, a thread, an account. A slot lets a task run; what it does there would
 * still wait behind the whole burst of another AVS, so that the order of slots holds here, too.
 */
import { abortError, throwIfAborted } from '../base/clock.js';
import { type QueuedTask, TaskQueue, type TaskQueueOptions } from './task-queue.js';

interface Waiting extends QueuedTask {
  enter(): void;
}

export class FairGate {
  readonly #queue: TaskQueue<Waiting>;
  #asked = 0;
  #isAdmitting = false;

  /** @param options `maxConcurrent`: how many are let in at once */
  constructor(options: TaskQueueOptions) {
    this.#queue = new TaskQueue(options);
  }

  /**
   * Resolves when it is the task's turn, with what ends it; ending it twice does no harm. One task may ask for many.
   * @throws PonosError ABORTED, or the signal's reason
   */
  async enter(task: QueuedTask, signal: AbortSignal): Promise<() => void> {
    throwIfAborted(signal);
    const key = `${task.key}#${++this.#asked}`;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#queue.remove(key);
        reject(abortError(signal));
      };
      const waiting: Waiting = {
        ...task,
        key,
        enter: () => {
          signal.removeEventListener('abort', onAbort);
          let isIn = true;
          resolve(() => {
            if (isIn) this.#queue.release(waiting);
            isIn = false;
            this.#admitSoon();
          });
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(waiting);
      this.#admitSoon();
    });
  }

  /** Does the work when it is the task's turn. @throws as `enter`, and what the work throws */
  async pass<T>(task: QueuedTask, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const leave = await this.enter(task, signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** Not at once: whoever is first to ask may not be first in turn, and between two turns others get the processor. */
  #admitSoon(): void {
    if (this.#isAdmitting) return;
    this.#isAdmitting = true;
    setImmediate(() => {
      this.#isAdmitting = false;
      for (let next = this.#queue.take(); next !== undefined; next = this.#queue.take()) next.enter();
    });
  }
}
