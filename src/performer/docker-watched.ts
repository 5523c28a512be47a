/** What is known of one container under watch, from the first event to its end. */
import type Docker from 'dockerode';
import { explain } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { createOutcome } from '../base/outcome.js';
import { dockerError } from './docker-errors.js';
import { afterEvent, afterLook, type ContainerEvent, endReason, FRESH } from './docker-events.js';
import type { PerformerExit } from './runtime.js';

export type ContainerEnd = Pick<PerformerExit, 'reason' | 'cause' | 'error'>;

export interface WatchedContainer {
  /** Resolves when it has ended, or its engine is gone; never rejects. */
  readonly ended: Promise<ContainerEnd>;
  /** Whether it runs, is not paused, and its own health check does not fail. */
  isSound(): boolean;
  /** Why not; undefined when it is. */
  unsoundness(): string | undefined;
  /** Looks now: it may have ended before it was under watch. Never rejects. */
  look(): Promise<void>;
  /** We ask it to end now: whatever ends it is our doing. */
  expectEnd(): void;
}

/** The side of whoever hears the engine. */
export interface ContainerEntry {
  take(event: ContainerEvent): void;
  /** Looks whether it still runs: events may have been missed. */
  look(): Promise<void>;
  /** The engine is gone. @param error what it failed with */
  lose(error: unknown): void;
}

/** @param inspect resolves with undefined when there is no such container any more */
export function watchContainer(
  containerId: string,
  inspect: () => Promise<Docker.ContainerInspectInfo | undefined>,
  logger: Logger,
): WatchedContainer & ContainerEntry {
  const ended = createOutcome<ContainerEnd>();
  let condition = FRESH;
  let isOurDoing = false;
  let isOver = false;

  function end(how: ContainerEnd): void {
    isOver = true;
    ended.resolve(how);
  }

  function lose(error: unknown): void {
    if (!isOver) end(lostWithEngine(error));
  }

  /** Never rejects. @param hasDied whatever it does now, it is not what we have started */
  async function examine(hasDied: boolean): Promise<void> {
    try {
      const info = await inspect();
      if (isOver) return;
      if (info !== undefined) condition = afterLook(condition, info);
      if (hasDied || !info?.State.Running)
        end({ reason: endReason(info, condition, isOurDoing), cause: 'performer' });
    } catch (error) {
      lose(error);
    }
  }

  function unsoundness(): string | undefined {
    if (isOver) return 'its container has ended';
    if (condition.isPaused) return 'its container is paused';
    return condition.isHealthy ? undefined : "its image's own HEALTHCHECK fails";
  }

  return {
    ended: ended.promise,
    isSound: () => unsoundness() === undefined,
    unsoundness,
    look: () => examine(false),
    expectEnd() {
      isOurDoing = true;
    },
    take(event) {
      condition = afterEvent(condition, event);
      if (event.action === 'oom') {
        logger.warn('a process of a performer was killed: out of memory', {
          container: containerId.slice(0, 12),
        });
      }
      if (event.action === 'die' || event.action === 'destroy') void examine(true);
    },
    lose,
  };
}

function lostWithEngine(error: unknown): ContainerEnd {
  return {
    reason: `lost with the Docker engine: ${explain(error)}`,
    cause: 'engine',
    error: dockerError(error, 'watch performers'),
  };
}
