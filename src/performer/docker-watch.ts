/** The containers of one executor under watch: the engine tells by events what becomes of them, nobody polls. */
import type Docker from 'dockerode';
import { abortWith } from '../base/clock.js';
import { explain } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { ownedBy } from './docker-container.js';
import { dockerError, engineStatus } from './docker-errors.js';
import {
  afterEvent,
  afterLook,
  type ContainerEvent,
  endReason,
  FRESH,
  parseEvent,
  WATCHED_EVENTS,
} from './docker-events.js';
import { jsonLines } from './json-lines.js';
import type { PerformerOwner } from './performer-identity.js';
import type { PerformerExit } from './runtime.js';

/** An engine that takes longer to answer is gone for the time being. */
const CONNECT_WITHIN_MS = 5_000;

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

export interface ContainerWatch {
  /**
   * Makes sure that events come in. They do until the engine goes away; then everything that is watched has ended.
   * @throws PonosError DOCKER_UNAVAILABLE
   */
  connect(): Promise<void>;
  /** From now on. Call it after `connect`, and before the container is started. */
  watch(containerId: string): WatchedContainer;
  close(): Promise<void>;
}

interface Entry {
  take(event: ContainerEvent): void;
  /** Looks whether it still runs: events may have been missed. */
  look(): Promise<void>;
  end(end: ContainerEnd): void;
}

/**
 * @param docker for short questions
 * @param patient for the stream of events, which lasts
 */
export function createContainerWatch(
  { docker, patient }: { readonly docker: Docker; readonly patient: Docker },
  owner: PerformerOwner,
  logger: Logger,
): ContainerWatch {
  const entries = new Map<string, Entry>();
  const closing = new AbortController();
  let connected: Promise<void> | undefined;
  let running: Promise<void> = Promise.resolve();

  async function openStream(): Promise<NodeJS.ReadableStream> {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), CONNECT_WITHIN_MS);
    const unlink = abortWith(end, closing.signal);
    try {
      const stream = await patient.getEvents({
        filters: { type: ['container'], event: [...WATCHED_EVENTS], ...ownedBy(owner) },
        abortSignal: end.signal,
      });
      stream.once('close', unlink);
      return stream;
    } catch (error) {
      unlink();
      throw dockerError(error, 'watch performers');
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes events as long as there is an engine; when it is gone, everything has ended. Never rejects. */
  async function run(first: NodeJS.ReadableStream): Promise<void> {
    let stream = first;
    let why = 'it ended the stream of events';
    try {
      while (!closing.signal.aborted) {
        why = await takeEvents(stream);
        stream = await openStream();
        logger.debug('the events of the Docker engine come in again', { reason: why });
        await Promise.all([...entries.values()].map((entry) => entry.look()));
      }
    } catch (error) {
      if (closing.signal.aborted) return;
      logger.error('the Docker engine is gone, and performers with it until it is back', { reason: why });
      for (const entry of [...entries.values()]) entry.end(lostWithEngine(error));
    } finally {
      connected = undefined;
    }
  }

  /** Resolves with why there are no more. */
  async function takeEvents(stream: NodeJS.ReadableStream): Promise<string> {
    try {
      for await (const line of jsonLines(stream)) {
        const event = parseEvent(line);
        if (event !== undefined) entries.get(event.containerId)?.take(event);
      }
      return 'it ended the stream of events';
    } catch (error) {
      return explain(error);
    }
  }

  async function inspect(containerId: string): Promise<Docker.ContainerInspectInfo | undefined> {
    try {
      return await docker.getContainer(containerId).inspect();
    } catch (error) {
      if (engineStatus(error) === 404) return undefined;
      throw error;
    }
  }

  function watch(containerId: string): WatchedContainer {
    let condition = FRESH;
    let isOurDoing = false;
    let isOver = false;
    let settle: (end: ContainerEnd) => void = () => undefined;
    const ended = new Promise<ContainerEnd>((resolve) => {
      settle = resolve;
    });

    const entry: Entry = {
      take(event) {
        condition = afterEvent(condition, event);
        if (event.action === 'oom') {
          logger.warn('a process of a performer was killed: out of memory', {
            container: containerId.slice(0, 12),
          });
        }
        if (event.action === 'die' || event.action === 'destroy') void examine(true);
      },
      look: () => examine(false),
      end(end) {
        isOver = true;
        entries.delete(containerId);
        settle(end);
      },
    };

    /** Never rejects. @param hasDied whatever it does now, it is not what we have started */
    async function examine(hasDied: boolean): Promise<void> {
      try {
        const info = await inspect(containerId);
        if (isOver) return;
        if (info !== undefined) condition = afterLook(condition, info);
        if (hasDied || !info?.State.Running)
          entry.end({ reason: endReason(info, condition, isOurDoing), cause: 'performer' });
      } catch (error) {
        if (!isOver) entry.end(lostWithEngine(error));
      }
    }

    function unsoundness(): string | undefined {
      if (isOver) return 'its container has ended';
      if (condition.isPaused) return 'its container is paused';
      return condition.isHealthy ? undefined : "its image's own HEALTHCHECK fails";
    }

    entries.set(containerId, entry);
    return {
      ended,
      isSound: () => unsoundness() === undefined,
      unsoundness,
      look: entry.look,
      expectEnd() {
        isOurDoing = true;
      },
    };
  }

  return {
    connect() {
      connected ??= openStream().then(
        (stream) => {
          running = run(stream);
        },
        (error: unknown) => {
          connected = undefined;
          throw error;
        },
      );
      return connected;
    },
    watch,
    async close() {
      closing.abort();
      await connected?.catch(() => undefined);
      await running;
    },
  };
}

function lostWithEngine(error: unknown): ContainerEnd {
  return {
    reason: `lost with the Docker engine: ${explain(error)}`,
    cause: 'engine',
    error: dockerError(error, 'watch performers'),
  };
}
