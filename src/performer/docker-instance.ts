/** One performer's container: started or taken over, its output followed, ended and removed. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type Docker from 'dockerode';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { exitReason } from './docker-container.js';
import { dockerError, unlessStatus } from './docker-errors.js';
import type { Leftovers } from './docker-leftovers.js';
import { endpointOf, type PerformerNetwork } from './docker-network.js';
import type { ContainerWatch } from './docker-watch.js';
import type { WatchedContainer } from './docker-watched.js';
import type { OutputLog } from './output-log.js';
import { createOutputTail, KEPT_LINES, type OutputTail } from './output-tail.js';
import type { PerformerExit, PerformerInstance, PerformerSpec } from './runtime.js';

const RUNNING_WITHIN_MS = 30_000;
const POLL_MS = 200;
/** An engine that says nothing for this long hangs. */
export const ENGINE_TIMEOUT_MS = 30_000;
/** How long output may trail behind the end of the container that wrote it. */
const OUTPUT_GRACE_MS = 2_000;

/** The engine, and a second way to it for requests that last as long as a container. */
export interface Engine {
  readonly docker: Docker;
  readonly patient: Docker;
}

export interface InstanceWorld {
  readonly engine: Engine;
  readonly watch: ContainerWatch;
  /** As of `Leftovers`. */
  readonly discard: Leftovers['discard'];
  readonly output?: OutputLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Starts a created container.
 * @throws PonosError PERFORMER_UNAVAILABLE with the last lines it printed; the container is then left to the caller
 */
export async function startContainer(
  { id, name, network }: { readonly id: string; readonly name: string; readonly network?: PerformerNetwork },
  spec: PerformerSpec,
  world: InstanceWorld,
  signal: AbortSignal,
): Promise<PerformerInstance> {
  const container = world.engine.docker.getContainer(id);
  const watched = world.watch.watch(id);
  const tail = tailOf(spec, name, world);
  await container.start();
  const { ended } = await followOutput(world.engine.patient, id, tail);
  const info = await waitUntilRunning(container, world.clock, signal).catch(async (error: unknown) => {
    await within(OUTPUT_GRACE_MS, ended, world.clock);
    throw withLastOutput(error, tail);
  });
  return instanceOf({ info, name, network, spec, watched, tail, output: ended }, world);
}

/** Takes over a container that runs already: one that has ended since then ends as an instance. */
export async function takeOverContainer(
  info: Docker.ContainerInspectInfo,
  network: PerformerNetwork | undefined,
  spec: PerformerSpec,
  world: InstanceWorld,
): Promise<PerformerInstance> {
  const name = info.Name.replace(/^\//, '');
  const watched = world.watch.watch(info.Id);
  await watched.look();
  const tail = tailOf(spec, name, world);
  const { ended } = await followOutput(world.engine.patient, info.Id, tail, KEPT_LINES);
  return instanceOf({ info, name, network, spec, watched, tail, output: ended }, world);
}

interface Running {
  readonly info: Docker.ContainerInspectInfo;
  readonly name: string;
  readonly network: PerformerNetwork | undefined;
  readonly spec: PerformerSpec;
  readonly watched: WatchedContainer;
  readonly tail: OutputTail;
  /** Resolves when there is no more output. */
  readonly output: Promise<void>;
}

async function instanceOf(
  { info, name, network, spec, watched, tail, output }: Running,
  world: InstanceWorld,
): Promise<PerformerInstance> {
  const { engine, clock, discard } = world;
  const id = info.Id;
  const endpoint = await endpointOf(engine.docker, info, name, network);
  const exited = watched.ended.then(async (end): Promise<PerformerExit> => {
    // Nobody restarts it: its last lines are kept here, so it is of no further use.
    if (end.cause === 'performer') {
      await within(OUTPUT_GRACE_MS, output, clock);
      await discard(id);
    }
    return { ...end, lastLines: tail.lines() };
  });

  async function stop(graceMs: number): Promise<void> {
    watched.expectEnd();
    try {
      await askToEnd(engine, id, graceMs);
    } catch (error) {
      // What cannot be asked now is removed as soon as it can be.
      await discard(id);
      throw dockerError(error, `stop the container ${name}`);
    }
    const { cause } = await exited;
    // Nobody has seen how it ended, or whether.
    if (cause === 'engine') await discard(id);
  }

  let stopped: Promise<void> | undefined;
  let lostEngine = false;
  void exited.then(({ cause }) => {
    lostEngine = cause === 'engine';
  });
  return {
    id: name,
    container: { id, imageId: info.Image },
    avs: spec.avs,
    endpoint,
    exited,
    isSound: watched.isSound,
    unsoundness: watched.unsoundness,
    lastLines: tail.lines,
    stop(graceMs) {
      stopped ??= lostEngine ? discard(id) : stop(graceMs);
      return stopped;
    },
  };
}

function tailOf(
  { avs, env }: PerformerSpec,
  name: string,
  { output, clock, logger }: InstanceWorld,
): OutputTail {
  return createOutputTail(logger.child({ avs, performer: name }), env.values(), (line) =>
    output?.write({ avs, performer: name, atMs: clock.nowMs(), line }),
  );
}

/** @param formerLines how many of those that it has printed already; default: all */
async function followOutput(
  patient: Docker,
  id: string,
  tail: OutputTail,
  formerLines?: number,
): Promise<{ readonly ended: Promise<void> }> {
  const former = formerLines === undefined ? {} : { tail: formerLines };
  const stream = await patient.getContainer(id).logs({ follow: true, stdout: true, stderr: true, ...former });
  const sink = new PassThrough();
  sink.on('data', tail.write);
  patient.modem.demuxStream(stream, sink, sink);
  // A lost engine breaks the stream; that the container is lost is noticed by its events.
  for (const event of ['end', 'close', 'error']) stream.once(event, () => sink.end());
  const ended = once(sink, 'end').then(() => tail.end());
  return { ended };
}

async function waitUntilRunning(
  container: Docker.Container,
  clock: Clock,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo> {
  const giveUpMs = clock.monotonicMs() + RUNNING_WITHIN_MS;
  for (;;) {
    throwIfAborted(signal);
    const info = await container.inspect();
    if (info.State.Running) return info;
    const ended = info.State.Status === 'exited' || info.State.Status === 'dead';
    if (ended || clock.monotonicMs() >= giveUpMs) {
      throw new PonosError('PERFORMER_UNAVAILABLE', {
        message: ended
          ? `the performer's container ${exitReason(info)}`
          : `the performer's container is not running after ${RUNNING_WITHIN_MS / 1000} seconds`,
      });
    }
    await clock.sleep(POLL_MS, signal);
  }
}

function withLastOutput(error: unknown, tail: OutputTail): unknown {
  const lastOutput = tail.lines().slice(-5).join(' | ');
  if (!(error instanceof PonosError) || error.code !== 'PERFORMER_UNAVAILABLE' || lastOutput === '')
    return error;
  return new PonosError(error.code, { message: error.message, facts: { lastOutput } });
}

async function within(ms: number, done: Promise<void>, clock: Clock): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([done, clock.sleep(ms, waiting.signal).catch(() => undefined)]);
  waiting.abort();
}

async function askToEnd({ docker, patient }: Engine, id: string, graceMs: number): Promise<void> {
  const abortSignal = AbortSignal.timeout(graceMs + ENGINE_TIMEOUT_MS);
  const asked =
    graceMs > 0
      ? patient.getContainer(id).stop({ t: Math.ceil(graceMs / 1000), abortSignal })
      : docker.getContainer(id).kill({ abortSignal });
  // 304, 409: it has ended already; 404: somebody removed it.
  await unlessStatus(asked, 304, 404, 409);
}
