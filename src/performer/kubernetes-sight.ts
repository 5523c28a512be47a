/** The objects of one executor under watch, each by its name. */

import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { Observed } from '../base/observed.js';
import type { KubernetesApi } from './kubernetes-api.js';
import { type Attempt, isMissing, kubernetesRefusal } from './kubernetes-errors.js';
import { type ApiObject, readObject } from './kubernetes-object.js';
import { type ObjectWatch, watchObjects } from './kubernetes-watch.js';

/** What is known of an object. */
export interface Sight {
  /** As it was last; undefined before it was seen. */
  readonly object: ApiObject | undefined;
  readonly isGone: boolean;
}

export interface WatchedPerformer {
  readonly sight: Observed<Sight>;
  /** It is there, and is this one: another one of its name is not it. */
  found(object: ApiObject): void;
  /** From now on nobody watches it. */
  leave(): void;
}

export interface PerformerWatch {
  /** From now on; call it before the object is made. One of this name at a time. */
  watch(name: string): WatchedPerformer;
  readonly ended: Promise<void>;
}

export interface PerformerWatchOptions {
  readonly api: KubernetesApi;
  /** Of all objects, and of one. */
  readonly path: (name?: string) => string;
  readonly labelSelector: string;
  readonly attempt: Attempt;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The server is there again. */
  readonly onBack: () => void;
}

interface Entry {
  uid: string | undefined;
  readonly sight: Observed<Sight>;
}

/** As `watchObjects`. While the server is away nothing is known to have ended: performers serve without it. */
export async function watchPerformers(
  options: PerformerWatchOptions,
  signal: AbortSignal,
): Promise<PerformerWatch> {
  const { api, path, labelSelector, attempt, clock, logger, onBack } = options;
  const entries = new Map<string, Entry>();

  function seen(object: ApiObject): void {
    const entry = entries.get(object.name);
    if (entry === undefined) return;
    const isAnother = entry.uid !== undefined && entry.uid !== object.uid;
    entry.sight.set(isAnother ? { ...entry.sight.value, isGone: true } : { object, isGone: false });
  }

  function gone(object: ApiObject): void {
    const entry = entries.get(object.name);
    if (entry?.uid !== undefined && entry.uid !== object.uid) return;
    entry?.sight.set({ object, isGone: true });
  }

  /** One that is not among all may have been made since they were listed. @throws PonosError KUBERNETES_UNAVAILABLE */
  async function look(name: string): Promise<void> {
    const answer = await api.call({ method: 'GET', path: path(name) }, signal);
    const object = answer.status === 200 ? readObject(answer.body) : undefined;
    const entry = entries.get(name);
    if (object !== undefined) seen(object);
    else if (!isMissing(answer)) throw kubernetesRefusal(answer, attempt);
    else if (entry?.uid !== undefined) entry.sight.set({ ...entry.sight.value, isGone: true });
  }

  const objects: ObjectWatch = await watchObjects(
    {
      api,
      path: path(),
      selector: { labelSelector },
      attempt,
      clock,
      logger,
      listener: {
        seen,
        gone,
        async listed(all) {
          for (const object of all) seen(object);
          const listed = new Set(all.map(({ name }) => name));
          for (const name of [...entries.keys()].filter((each) => !listed.has(each))) await look(name);
        },
      },
      onLost: (error) =>
        logger.error(
          'the Kubernetes API server is gone: performers that serve go on, none can be started or replaced until it is back',
          { error },
        ),
      onBack() {
        logger.info('the Kubernetes API server is back', { server: api.server });
        onBack();
      },
    },
    signal,
  );

  return {
    ended: objects.ended,
    watch(name) {
      const entry: Entry = {
        uid: undefined,
        sight: new Observed<Sight>({ object: undefined, isGone: false }),
      };
      entries.set(name, entry);
      return {
        sight: entry.sight,
        found(object) {
          entry.uid = object.uid;
          // What the watch has told meanwhile is newer.
          if (entry.sight.value.object === undefined) seen(object);
        },
        leave() {
          if (entries.get(name) === entry) entries.delete(name);
        },
      };
    },
  };
}
