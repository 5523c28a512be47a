/** One performer's object: made or taken over, watched through the status that the operator writes, removed. */
import { abortWith, type Clock, throwIfAborted } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import {
  type ApiObject,
  conditionOf,
  endpointOf,
  lastMessage,
  type PerformerResource,
} from './kubernetes-object.js';
import type { FollowedPod } from './kubernetes-output.js';
import { endReason, imageIdOf, isUnready, startHindrance, startProblem } from './kubernetes-pod.js';
import type { Sight, WatchedPerformer } from './kubernetes-sight.js';
import type { PerformerExit, PerformerInstance, PerformerSpec } from './runtime.js';

/** A node must be found, an image pulled, and the first readiness check passed. */
const READY_WITHIN_MS = 300_000;
/** How much longer than its grace time an object may be there after it was asked to go. */
const GONE_WITHIN_MS = 60_000;
/** How long a pod's own words may trail behind the status of its performer. */
const POD_GRACE_MS = 1_000;
/** How long output may trail behind the end of the container that wrote it. */
const OUTPUT_GRACE_MS = 2_000;

export interface PerformerHandle {
  readonly name: string;
  readonly spec: PerformerSpec;
  readonly watched: WatchedPerformer;
  readonly followed: FollowedPod;
}

export interface InstanceWorld {
  readonly resource: PerformerResource;
  /** Asks the cluster to remove the object. @throws PonosError KUBERNETES_UNAVAILABLE, KUBERNETES_REFUSED */
  readonly remove: (name: string) => Promise<void>;
  /** The same; what cannot be removed now is removed later. Never rejects. */
  readonly discard: (name: string) => Promise<void>;
  readonly clock: Clock;
}

/**
 * Waits until the operator says that the performer is ready.
 * @throws PonosError PERFORMER_UNAVAILABLE with what its pod says and the last lines it printed, IMAGE_PULL_FAILED, ABORTED
 */
export async function whenReady(
  { watched, followed, spec }: PerformerHandle,
  clock: Clock,
  signal: AbortSignal,
): Promise<ApiObject> {
  const done = new AbortController();
  const unlink = abortWith(done, signal);
  const until = done.signal;
  try {
    return await Promise.race([
      watched.sight.until(readyObject, until),
      followed.pod.until<never>((pod) => {
        const problem = pod && startProblem(pod);
        if (problem !== undefined)
          throw new PonosError(problem.code, { message: `the performer's pod: ${problem.reason}` });
        return undefined;
      }, until),
      clock.sleep(READY_WITHIN_MS, until).then((): never => {
        throw tooLate(watched, followed);
      }),
    ]);
  } catch (error) {
    throwIfAborted(signal);
    await lastWords(followed, clock);
    throw withWords(error, spec, followed);
  } finally {
    unlink();
    done.abort();
  }
}

function readyObject({ object, isGone }: Sight): ApiObject | undefined {
  if (object === undefined) return undefined;
  const condition = conditionOf(object);
  const reason = isGone
    ? 'was removed by somebody else'
    : condition.is === 'over'
      ? condition.reason
      : undefined;
  if (reason !== undefined) {
    throw new PonosError('PERFORMER_UNAVAILABLE', { message: `the performer ${reason}` });
  }
  return condition.is === 'ready' ? object : undefined;
}

function tooLate({ sight }: WatchedPerformer, { pod }: FollowedPod): PonosError {
  const { status } = sight.value.object ?? {};
  const said = lastMessage(status) ?? (pod.value && startHindrance(pod.value));
  const isUnattended = status === undefined;
  return new PonosError('PERFORMER_UNAVAILABLE', {
    message: `the performer is not ready after ${READY_WITHIN_MS / 1_000} seconds: ${
      isUnattended ? 'no operator has taken notice of it' : (said ?? 'its operator does not say why')
    }`,
    ...(isUnattended && {
      advice:
        'Look whether the Hourglass operator runs, and whether it watches the namespace of the performers.',
    }),
  });
}

function withWords(error: unknown, { avs }: PerformerSpec, followed: FollowedPod): unknown {
  const lastOutput = followed.lastLines().slice(-5).join(' | ');
  if (!isPonosError(error, 'PERFORMER_UNAVAILABLE') || lastOutput === '') return error;
  const { message, advice } = error;
  return new PonosError(error.code, { message, advice, facts: { avs, lastOutput } });
}

/** @param object that is ready */
export function instanceOf(
  object: ApiObject,
  { name, spec, watched, followed }: PerformerHandle,
  { resource, remove, discard, clock }: InstanceWorld,
): PerformerInstance {
  const givenUp = new AbortController();
  let isOurDoing = false;
  let isOver = false;

  /** Why it is over; undefined as long as it is not. */
  function over({ object: latest, isGone }: Sight): string | undefined {
    if (isGone) return isOurDoing ? 'was stopped and removed' : 'was removed by somebody else';
    if (isOurDoing || latest === undefined) return undefined;
    const condition = conditionOf(latest);
    if (condition.is === 'over') return condition.reason;
    if (condition.is === 'ready') return undefined;
    return lastMessage(latest.status) ?? 'is not ready any more';
  }

  /** What its pod says of the end, which it says a little later than its performer. */
  async function reasonOf(end: string): Promise<string> {
    if (end === 'was removed by somebody else') return end;
    const told = followed.pod.until((pod) => {
      if (!followed.isVisible) return { reason: end };
      const reason = pod && endReason(pod);
      if (reason !== undefined) return { reason };
      return pod !== undefined && isUnready(pod) ? { reason: end } : undefined;
    }, givenUp.signal);
    const known = await within(
      POD_GRACE_MS,
      told.catch(() => undefined),
      clock,
    );
    return known?.reason ?? end;
  }

  const exited = watched.sight
    .until(over, givenUp.signal)
    .then(
      async (end): Promise<Pick<PerformerExit, 'reason' | 'cause'>> => {
        isOver = true;
        const reason = await reasonOf(end);
        await lastWords(followed, clock);
        // Nobody restarts it: its last lines are kept here, so it is of no further use.
        if (!isOurDoing) await discard(name);
        return { reason, cause: 'performer' };
      },
      (error: unknown) => ({
        reason: error instanceof Error ? error.message : String(error),
        cause: 'engine' as const,
      }),
    )
    .then(async (end): Promise<PerformerExit> => {
      isOver = true;
      givenUp.abort();
      watched.leave();
      await followed.close();
      return { ...end, lastLines: followed.lastLines() };
    });

  async function stop(graceMs: number): Promise<void> {
    isOurDoing = true;
    try {
      await remove(name);
    } catch (error) {
      // What cannot be asked now is removed as soon as it can be.
      await discard(name);
      givenUp.abort(error);
      await exited;
      throw error;
    }
    if ((await within(graceMs + GONE_WITHIN_MS, exited, clock)) !== undefined) return;
    const seconds = Math.round((graceMs + GONE_WITHIN_MS) / 1_000);
    givenUp.abort(
      new PonosError('ABORTED', { message: `was asked to go, and is still there after ${seconds} seconds` }),
    );
    await exited;
  }

  let stopped: Promise<void> | undefined;
  const imageId = (followed.pod.value && imageIdOf(followed.pod.value)) ?? spec.image?.digest;
  return {
    id: name,
    container: { id: object.uid, imageId },
    avs: spec.avs,
    endpoint: endpointOf(object, spec, resource),
    exited,
    isSound: () => !isOver,
    lastLines: followed.lastLines,
    stop(graceMs) {
      stopped ??= isOver ? exited.then(() => undefined) : stop(graceMs);
      return stopped;
    },
  };
}

/** Waits for the rest of the output of a container that has ended. */
async function lastWords({ pod, outputEnded }: FollowedPod, clock: Clock): Promise<void> {
  if (pod.value !== undefined && endReason(pod.value) !== undefined) {
    await within(OUTPUT_GRACE_MS, outputEnded, clock);
  }
}

/** What it comes to, or undefined when that takes longer. */
async function within<T>(ms: number, done: Promise<T>, clock: Clock): Promise<T | undefined> {
  const waiting = new AbortController();
  const late = clock.sleep(ms, waiting.signal).catch(() => undefined);
  try {
    return await Promise.race([done, late.then(() => undefined)]);
  } finally {
    waiting.abort();
  }
}
