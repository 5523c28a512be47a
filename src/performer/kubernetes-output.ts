/** The pod behind a performer: how it is, and what it prints. As far as this node may see it; nothing depends on it. */
import type { Clock } from '../base/clock.js';
import { explain, isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { Observed } from '../base/observed.js';
import { createOutcome } from '../base/outcome.js';
import type { KubernetesApi } from './kubernetes-api.js';
import { type Attempt, kubernetesRefusal } from './kubernetes-errors.js';
import { type ApiObject, podName, podsPath } from './kubernetes-object.js';
import { containerOf, hasStarted } from './kubernetes-pod.js';
import { watchObjects } from './kubernetes-watch.js';
import type { OutputLog } from './output-log.js';
import { createOutputTail } from './output-tail.js';
import type { PerformerSpec } from './runtime.js';

/** After a stream of output that broke. */
const REOPEN_MS = 2_000;

export interface PodWorld {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly attempt: Attempt;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly output?: OutputLog;
  /** This node may not see pods, or what they print. */
  readonly onBlind: (error: unknown) => void;
}

export interface FollowedPod {
  /** As it was last. */
  readonly pod: Observed<ApiObject | undefined>;
  /** Resolves when it was looked for a first time; never rejects. */
  readonly looked: Promise<void>;
  /** Whether pods can be seen. */
  readonly isVisible: boolean;
  /** Resolves when there is no more output. */
  readonly outputEnded: Promise<void>;
  lastLines(): readonly string[];
  close(): Promise<void>;
}

/** @param formerLines how many of those that it has printed already; default: all */
export function followPod(
  performer: string,
  { avs, env }: PerformerSpec,
  world: PodWorld,
  formerLines?: number,
): FollowedPod {
  const { api, namespace, attempt, clock, output } = world;
  const logger = world.logger.child({ avs, performer });
  const name = podName(performer);
  const pod = new Observed<ApiObject | undefined>(undefined);
  const tail = createOutputTail(logger, env.values(), (line) =>
    output?.write({ avs, performer, atMs: clock.nowMs(), line }),
  );
  const closing = new AbortController();
  const { signal } = closing;
  const looked = createOutcome<void>();
  let isVisible = true;
  let heardMs = 0;

  async function watch(): Promise<void> {
    try {
      const objects = await watchObjects(
        {
          api,
          path: podsPath(namespace),
          selector: { fieldSelector: `metadata.name=${name}` },
          attempt,
          clock,
          logger,
          listener: {
            seen: (object) => pod.set(object),
            gone: (object) => pod.set(object),
            listed: ([object]) => object && pod.set(object),
          },
        },
        signal,
      );
      looked.resolve();
      await objects.ended;
    } catch (error) {
      isVisible = false;
      looked.resolve();
      pod.look();
      if (!signal.aborted) world.onBlind(error);
    }
  }

  /** Resolves when the container has ended: there will be no more. */
  async function read(container: string | undefined, query: Readonly<Record<string, string>>): Promise<void> {
    const request = {
      path: `${podsPath(namespace, name)}/log`,
      query: { follow: 'true', ...(container !== undefined && { container }), ...query },
    };
    const answer = await api.stream(request, signal);
    if ('status' in answer) throw kubernetesRefusal(answer, attempt);
    for await (const chunk of answer.chunks) {
      heardMs = clock.monotonicMs();
      tail.write(chunk);
    }
  }

  async function followOutput(): Promise<void> {
    let query: Readonly<Record<string, string>> =
      formerLines === undefined ? {} : { tailLines: String(formerLines) };
    try {
      const container = await pod.until(
        (seen) => (seen !== undefined && hasStarted(seen) ? { name: containerOf(seen) } : undefined),
        signal,
      );
      for (;;) {
        heardMs = clock.monotonicMs();
        try {
          return await read(container.name, query);
        } catch (error) {
          if (signal.aborted) return;
          if (isPonosError(error, 'KUBERNETES_REFUSED')) return world.onBlind(error);
          logger.debug('the output of a performer breaks off, and is followed again', {
            reason: explain(error),
          });
        }
        await clock.sleep(REOPEN_MS, signal);
        query = { sinceSeconds: String(Math.ceil((clock.monotonicMs() - heardMs) / 1_000)) };
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      tail.end();
    }
  }

  const watched = watch();
  const outputEnded = followOutput();
  return {
    pod,
    looked: looked.promise,
    get isVisible() {
      return isVisible;
    },
    outputEnded,
    lastLines: tail.lines,
    async close() {
      closing.abort();
      await Promise.all([watched, outputEnded]);
    },
  };
}
