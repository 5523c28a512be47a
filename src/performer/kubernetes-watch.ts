/** Objects of a cluster under watch: the API server tells of every change; after a gap all is listed anew. */
import { setTimeout as pause } from 'node:timers/promises';
import { abortWith, type Clock } from '../base/clock.js';
import { explain, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { jsonLines } from './json-lines.js';
import type { ApiRequest, KubernetesApi } from './kubernetes-api.js';
import { type Attempt, isExpired, kubernetesRefusal } from './kubernetes-errors.js';
import { fieldAt, listAt, textAt } from './kubernetes-fields.js';
import { type ApiObject, readObject } from './kubernetes-object.js';

/** How long the server keeps a stream open; then it is opened anew. A stream that is dead is noticed a little later. */
const STREAM_SECONDS = 240;
const STREAM_GRACE_MS = 30_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** Between streams that a server ends at once. */
const PAUSE_MS = 100;

export interface ObjectListener {
  /** This is how an object is now. */
  seen(object: ApiObject): void;
  /** It is no more; this is how it was last. */
  gone(object: ApiObject): void;
  /** These are all there are: changes may have been missed. What it throws has them listed again. */
  listed(objects: readonly ApiObject[]): Promise<void> | void;
}

export interface WatchOptions {
  readonly api: KubernetesApi;
  readonly path: string;
  /** `labelSelector` or `fieldSelector`. */
  readonly selector: Readonly<Record<string, string>>;
  readonly attempt: Attempt;
  readonly listener: ObjectListener;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told once when nothing is heard of the objects any more, and once when that is over. */
  readonly onLost?: (error: unknown) => void;
  readonly onBack?: () => void;
}

export interface ObjectWatch {
  /** Resolves when the signal has ended it, or when it is refused for good; never rejects. */
  readonly ended: Promise<void>;
}

/**
 * Resolves when the objects were listed for the first time. Afterwards it goes on until the signal aborts, however long
 * the server is away.
 * @throws PonosError KUBERNETES_UNAVAILABLE, KUBERNETES_REFUSED, ABORTED
 */
export async function watchObjects(options: WatchOptions, signal: AbortSignal): Promise<ObjectWatch> {
  const { api, path, selector, attempt, listener, clock, logger } = options;
  /** Up to which all is known; undefined: all must be listed. */
  let version: string | undefined = await list();

  async function list(): Promise<string | undefined> {
    const answer = await api.call({ method: 'GET', path, query: selector }, signal);
    if (answer.status !== 200) throw kubernetesRefusal(answer, attempt);
    await listener.listed(listAt(answer.body, 'items').flatMap((item) => readObject(item) ?? []));
    return textAt(answer.body, 'metadata', 'resourceVersion');
  }

  async function follow(from: string, onOpen: () => void): Promise<void> {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), STREAM_SECONDS * 1_000 + STREAM_GRACE_MS);
    const unlink = abortWith(end, signal);
    try {
      await followUntil(from, onOpen, end.signal);
    } finally {
      clearTimeout(timer);
      unlink();
    }
  }

  async function followUntil(from: string, onOpen: () => void, until: AbortSignal): Promise<void> {
    const request: Omit<ApiRequest, 'method'> = {
      path,
      query: {
        ...selector,
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: from,
        timeoutSeconds: String(STREAM_SECONDS),
      },
    };
    const answer = await api.stream(request, until);
    if ('status' in answer) {
      if (!isExpired(answer)) throw kubernetesRefusal(answer, attempt);
      version = undefined;
      return;
    }
    onOpen();
    for await (const event of jsonLines(answer.chunks)) {
      if (!take(event)) return;
    }
  }

  /** @returns whether the stream goes on */
  function take(event: unknown): boolean {
    const type = textAt(event, 'type');
    const said = fieldAt(event, 'object');
    if (type === 'ERROR') {
      version = undefined;
      if (isExpired(said)) return false;
      throw kubernetesRefusal({ status: Number(fieldAt(said, 'code') ?? 500), body: said }, attempt);
    }
    version = textAt(said, 'metadata', 'resourceVersion') ?? version;
    const object = type === 'BOOKMARK' ? undefined : readObject(said);
    if (object === undefined) return true;
    if (type === 'DELETED') listener.gone(object);
    else listener.seen(object);
    return true;
  }

  async function run(): Promise<void> {
    let failures = 0;
    const isBack = () => {
      if (failures > 1) options.onBack?.();
      failures = 0;
    };
    while (!signal.aborted) {
      try {
        if (version === undefined) {
          version = await list();
          isBack();
        }
        if (version === undefined)
          throw new PonosError('KUBERNETES_UNAVAILABLE', { message: 'a list without a version' });
        await follow(version, isBack);
        await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        logger.debug('the changes of objects in Kubernetes do not come in', { path, reason: explain(error) });
        // One that breaks now and then is opened anew, and nothing is lost by it.
        if (failures === 2) options.onLost?.(error);
        const delayMs = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS);
        await clock.sleep(delayMs, signal).catch(() => undefined);
      }
    }
  }

  return { ended: run() };
}
