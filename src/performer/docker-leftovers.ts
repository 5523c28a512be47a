/** Containers that are of no more use: removed at once, or else tried again until they are gone. */
import type Docker from 'dockerode';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { engineStatus, unlessStatus } from './docker-errors.js';

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
/** Pauses between the last attempts, while an engine that answers is still busy with what it is to remove. */
const LAST_RETRIES_MS = [200, 500, 1_000, 2_000, 3_000];
/** How long the engine may be about to remove a container. */
const REMOVED_WITHIN_MS = 10_000;

export interface Leftovers {
  /** Resolves when the container is gone, or is to be tried again in the background. Never rejects. */
  discard(container: string): Promise<void>;
  /** Tries all at once that could not be removed yet: the engine is there. Never rejects. */
  retry(): Promise<void>;
  /**
   * Tries those that are left some last times, as long as the engine answers. Never rejects.
   * @param more containers that may be there, too
   */
  close(more: Iterable<string>): Promise<void>;
}

export interface LeftoversOptions {
  /** @throws when it is not gone */
  readonly remove: (container: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createLeftovers({ remove, clock, logger }: LeftoversOptions): Leftovers {
  /** Those that could not be removed yet, with what the last attempt failed with. */
  const left = new Map<string, unknown>();
  const attempts = new Map<string, Promise<void>>();
  const closing = new AbortController();
  let retrying: Promise<void> | undefined;

  function attempt(container: string): Promise<void> {
    const underWay = attempts.get(container);
    if (underWay !== undefined) return underWay;
    const begun = remove(container)
      .then(
        () => succeeded(container),
        (error: unknown) => failed(container, error),
      )
      .finally(() => attempts.delete(container));
    attempts.set(container, begun);
    return begun;
  }

  function succeeded(container: string): void {
    if (left.delete(container)) logger.info('the container that could not be removed is gone', { container });
  }

  function failed(container: string, error: unknown): void {
    if (!left.has(container) && !closing.signal.aborted) {
      logger.warn('a container of a performer cannot be removed now; it is tried again', {
        container,
        error,
      });
    }
    left.set(container, error);
    if (!closing.signal.aborted) retrying ??= retryLater();
  }

  async function retry(): Promise<void> {
    await Promise.all([...left.keys()].map(attempt));
  }

  async function retryLater(): Promise<void> {
    try {
      for (let delayMs = FIRST_RETRY_MS; left.size > 0; delayMs = Math.min(2 * delayMs, MAX_RETRY_MS)) {
        await clock.sleep(delayMs, closing.signal);
        await retry();
      }
    } catch (error) {
      if (!closing.signal.aborted) throw error;
    } finally {
      retrying = undefined;
    }
  }

  return {
    discard: attempt,
    retry,
    async close(more) {
      closing.abort();
      await retrying;
      await Promise.all([...left.keys(), ...more].map(attempt));
      for (const pauseMs of LAST_RETRIES_MS) {
        if (![...left.values()].some(isAnswer)) break;
        await clock.sleep(pauseMs);
        await retry();
      }
      for (const [container, error] of left) {
        logger.error('a container of a performer is left behind; the next start of this node removes it', {
          container,
          error,
        });
      }
    },
  };
}

/** Whether the engine is there, and refuses for now. */
const isAnswer = (error: unknown) => engineStatus(error) !== undefined;

/** Removes a container by its id or name, and resolves when it is gone. @throws what the engine says when it is not */
export async function removeContainer(docker: Docker, id: string): Promise<void> {
  const container = docker.getContainer(id);
  const remove = () => unlessStatus(container.remove({ force: true, v: true }), 404);
  try {
    await remove();
  } catch (error) {
    if (engineStatus(error) !== 409) throw error;
    // It is about to be removed, or could not be ended: what came of that the second request tells.
    const abortSignal = AbortSignal.timeout(REMOVED_WITHIN_MS);
    await container.wait({ condition: 'removed', abortSignal }).catch(() => undefined);
    await remove();
  }
}
