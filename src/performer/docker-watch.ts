/** The containers of one executor under watch: the engine tells by events what becomes of them, nobody polls. */
import type Docker from 'dockerode';
import { abortWith } from '../base/clock.js';
import { explain } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { ownedBy } from './docker-container.js';
import { dockerError, engineStatus } from './docker-errors.js';
import { parseEvent, WATCHED_EVENTS } from './docker-events.js';
import { type ContainerEntry, type WatchedContainer, watchContainer } from './docker-watched.js';
import { jsonLines } from './json-lines.js';
import type { PerformerOwner } from './performer-identity.js';

/** An engine that takes longer to answer is gone for the time being. */
const CONNECT_WITHIN_MS = 5_000;

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

/**
 * @param docker for short questions
 * @param patient for the stream of events, which lasts
 */
export function createContainerWatch(
  { docker, patient }: { readonly docker: Docker; readonly patient: Docker },
  owner: PerformerOwner,
  logger: Logger,
): ContainerWatch {
  const entries = new Map<string, ContainerEntry>();
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
      logger.error('the Docker engine is gone, and performers with it until it is back', { error, why });
      for (const entry of [...entries.values()]) entry.lose(error);
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
    const watched = watchContainer(containerId, () => inspect(containerId), logger);
    entries.set(containerId, watched);
    void watched.ended.then(() => {
      // It may be under watch anew: taken over once its engine was back.
      if (entries.get(containerId) === watched) entries.delete(containerId);
    });
    return watched;
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
