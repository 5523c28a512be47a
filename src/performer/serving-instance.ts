/** An instance that has come to serve: its tasks, its health, and how it is let go. */
import type { TaskId } from '../base/brands.js';
import { abortWith, type Clock } from '../base/clock.js';
import { explain, PonosError } from '../base/error.js';
import { createPerformerClient } from './client.js';
import { causeOf } from './restart-policy.js';
import type { PerformerInstance } from './runtime.js';

export interface BringUpOptions {
  readonly maxOutputBytes: number;
  /** How long it may take until it serves. */
  readonly healthyWithinMs: number;
  /** Time to say goodbye for one that does not come to serve. */
  readonly stopGraceMs: number;
  readonly clock: Clock;
  /** As of `PerformerClientOptions`. */
  readonly hideSecrets: (text: string) => string;
}

export interface ServingInstance {
  readonly running: PerformerInstance;
  /** Tasks that it works on now. */
  readonly tasks: number;
  /** As `PerformerClient.execute`. */
  execute(taskId: TaskId, payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** Whether it runs and says that it serves. */
  isHealthy(signal?: AbortSignal): Promise<boolean>;
  /** Why it does not; undefined when it does. */
  fault(signal?: AbortSignal): Promise<string | undefined>;
  /** Waits until it has no tasks, at most so long, and stops it. @throws PonosError as `stop` */
  drain(drainMs: number, graceMs: number): Promise<void>;
  /** Stops it, also in the middle of a drain. May be called twice. @throws PonosError DOCKER_UNAVAILABLE without an engine */
  stop(graceMs: number): Promise<void>;
  /** Leaves it as it is: its engine is gone. */
  leave(): void;
}

/**
 * Resolves when a running instance serves; it is stopped when it does not.
 * @throws PonosError PERFORMER_UNAVAILABLE with the last lines it printed, what its engine failed with, ABORTED
 */
export async function bringUp(
  running: PerformerInstance,
  options: BringUpOptions,
  signal: AbortSignal,
): Promise<ServingInstance> {
  const { clock, maxOutputBytes, healthyWithinMs, stopGraceMs, hideSecrets } = options;
  const client = createPerformerClient({
    endpoint: running.endpoint,
    maxOutputBytes,
    clock,
    hideSecrets,
  });
  const waiting = new AbortController();
  const unlink = abortWith(waiting, signal);
  try {
    await Promise.race([
      client.waitUntilServing(healthyWithinMs, waiting.signal),
      running.exited.then((exit) => {
        if (exit.error !== undefined) throw exit.error;
        throw new PonosError('PERFORMER_UNAVAILABLE', {
          message: `the performer ended before it was healthy: ${exit.reason}`,
        });
      }),
    ]);
  } catch (error) {
    waiting.abort();
    client.close();
    const lastLines = running.lastLines().slice(-5).join(' | ');
    await running.stop(stopGraceMs);
    // What it printed does not say why its engine has gone away.
    if (signal.aborted || lastLines === '' || causeOf(error) === 'engine') throw error;
    throw new PonosError('PERFORMER_UNAVAILABLE', {
      message: explain(error),
      facts: { avs: running.avs, lastOutput: lastLines },
      cause: error,
    });
  } finally {
    unlink();
  }

  const letGo = new AbortController();
  let tasks = 0;
  let whenIdle: (() => void) | undefined;
  let stopped: Promise<void> | undefined;

  async function untilIdle(drainMs: number): Promise<void> {
    if (tasks === 0) return;
    const waits = new AbortController();
    const idle = new Promise<void>((resolve) => {
      whenIdle = resolve;
    });
    const until = AbortSignal.any([waits.signal, letGo.signal]);
    await Promise.race([idle, clock.sleep(drainMs, until).catch(() => undefined)]);
    waits.abort();
  }

  function stop(graceMs: number): Promise<void> {
    letGo.abort();
    stopped ??= running.stop(graceMs).finally(() => client.close());
    return stopped;
  }

  async function fault(checkSignal?: AbortSignal): Promise<string | undefined> {
    if (!running.isSound()) return running.unsoundness?.() ?? 'it does not run';
    return (await client.isServing(checkSignal)) ? undefined : 'it has not said in time that it serves';
  }

  return {
    running,
    get tasks() {
      return tasks;
    },
    async execute(taskId, payload, taskSignal) {
      tasks += 1;
      try {
        return await client.execute(taskId, payload, taskSignal);
      } finally {
        tasks -= 1;
        if (tasks === 0) whenIdle?.();
      }
    },
    isHealthy: async (checkSignal) => (await fault(checkSignal)) === undefined,
    fault,
    async drain(drainMs, graceMs) {
      await untilIdle(drainMs);
      await stop(graceMs);
    },
    stop,
    leave() {
      letGo.abort();
      client.close();
    },
  };
}
