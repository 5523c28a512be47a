/** Performers as Docker containers: locked down, reachable from this machine only, removed at the end. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import type { Address } from '../base/brands.js';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { explain, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import {
  checkNetworkName,
  containerName,
  containerOptions,
  imageReference,
  LABELS,
  ownedBy,
  PORT_KEY,
} from './docker-container.js';
import { dockerError, engineStatus, unlessStatus } from './docker-errors.js';
import { ensureImage } from './docker-image.js';
import { createOutputTail, type OutputTail } from './output-tail.js';
import {
  PERFORMER_PORT,
  type PerformerExit,
  type PerformerInstance,
  type PerformerRuntime,
  type PerformerSpec,
  type ProgressListener,
} from './runtime.js';

const RUNNING_WITHIN_MS = 30_000;
const POLL_MS = 200;
/** An engine that says nothing for this long hangs. */
const ENGINE_TIMEOUT_MS = 30_000;

export interface DockerRuntimeOptions {
  /** Label of its containers: two executors on one engine never touch each other's. */
  readonly operator: Address;
  /** Network the performers join, created if missing; empty: they are published on loopback ports. */
  readonly networkName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The engine's address; default: `DOCKER_HOST`, or the system's socket. */
  readonly engine?: Docker.DockerOptions;
}

/** The engine, and a second way to it for requests that last as long as a container. */
interface Engine {
  readonly docker: Docker;
  readonly patient: Docker;
}

/**
 * Connects to the engine.
 * @throws PonosError DOCKER_UNAVAILABLE, CONFIG_INVALID for a network that performers cannot join
 */
export async function openDockerRuntime(options: DockerRuntimeOptions): Promise<PerformerRuntime> {
  checkNetworkName(options.networkName);
  const engine: Engine = {
    docker: new Docker({ ...options.engine, timeout: ENGINE_TIMEOUT_MS }),
    patient: new Docker(options.engine),
  };
  try {
    await engine.docker.ping();
  } catch (error) {
    throw dockerError(error, 'run performers');
  }
  const running = new Set<PerformerInstance>();
  return {
    async deploy(spec, signal, onProgress) {
      const instance = await launch(engine, spec, options, signal, onProgress);
      running.add(instance);
      void instance.exited.then(() => running.delete(instance));
      return instance;
    },
    async adopt({ containerId }, _spec, signal) {
      throwIfAborted(signal);
      const left = (await listOwned(engine.docker, options)).find(({ Id }) => Id === containerId);
      if (left !== undefined) await removeContainer(engine.docker.getContainer(left.Id));
      return undefined;
    },
    async removeOrphans() {
      const known = new Set([...running].map(({ container }) => container?.id));
      for (const { Id, Names } of await listOwned(engine.docker, options)) {
        if (known.has(Id)) continue;
        options.logger.warn('removing a performer that a former run left behind', { container: Names[0] });
        await removeContainer(engine.docker.getContainer(Id));
      }
    },
    async close() {
      await Promise.all([...running].map((instance) => instance.stop(0)));
    },
  };
}

async function listOwned(docker: Docker, { operator }: DockerRuntimeOptions) {
  try {
    return await docker.listContainers({ all: true, filters: ownedBy(operator) });
  } catch (error) {
    throw dockerError(error, 'look for performers of a former run');
  }
}

async function launch(
  engine: Engine,
  spec: PerformerSpec,
  options: DockerRuntimeOptions,
  signal: AbortSignal,
  onProgress: ProgressListener | undefined,
): Promise<PerformerInstance> {
  throwIfAborted(signal);
  if (spec.image === undefined) {
    throw new PonosError('CONFIG_INVALID', {
      message: 'a performer in deployment mode docker needs an image',
      facts: { avs: spec.avs },
      advice: 'Set avsPerformers[].image.repository and tag.',
    });
  }
  const image = imageReference(spec.image);
  onProgress?.({ step: 'image', detail: image });
  await ensureImage(engine.docker, image, options.logger, signal);
  const { networkName, operator } = options;
  const name = containerName(spec.avs, randomBytes(6).toString('hex'));
  onProgress?.({ step: 'create', detail: name });
  try {
    if (networkName !== '') await ensureNetwork(engine.docker, networkName);
    const create = containerOptions(spec, image, name, operator, networkName);
    const { id } = await engine.docker.createContainer(create);
    onProgress?.({ step: 'start', detail: name });
    return await startContainer(engine, spec, { id, name }, options, signal);
  } catch (error) {
    throw dockerError(error, `start the container ${name}`);
  }
}

/** Starts a created container; it is removed again when that fails. */
async function startContainer(
  engine: Engine,
  spec: PerformerSpec,
  { id, name }: { id: string; name: string },
  { networkName, clock, logger }: DockerRuntimeOptions,
  signal: AbortSignal,
): Promise<PerformerInstance> {
  const container = engine.docker.getContainer(id);
  const tail = createOutputTail(logger.child({ avs: spec.avs, performer: name }), spec.env.values());
  try {
    await container.start();
    await followOutput(engine.patient, id, tail);
    const info = await waitUntilRunning(container, clock, tail, signal);
    const endpoint = await endpointOf(engine.docker, info, name, networkName);
    const exited = whenExited(engine, id, tail);
    let hasEnded = false;
    void exited.then(() => {
      hasEnded = true;
    });
    let stopped: Promise<void> | undefined;
    return {
      id: name,
      container: { id, imageId: info.Image },
      avs: spec.avs,
      endpoint,
      exited,
      isSound: () => !hasEnded,
      lastLines: tail.lines,
      stop(graceMs) {
        stopped ??= stopContainer(engine, id, exited, graceMs).catch((error: unknown) => {
          throw dockerError(error, `stop the container ${name}`);
        });
        return stopped;
      },
    };
  } catch (error) {
    await removeContainer(container);
    throw error;
  }
}

async function ensureNetwork(docker: Docker, name: string): Promise<void> {
  try {
    await docker.getNetwork(name).inspect();
  } catch (error) {
    if (engineStatus(error) !== 404) throw error;
    // Another executor may create it at the same moment: 409 is as good.
    const create = docker.createNetwork({
      Name: name,
      CheckDuplicate: true,
      Labels: { [LABELS.role]: 'performer-network' },
    });
    await unlessStatus(create, 409);
  }
}

async function followOutput(patient: Docker, id: string, tail: OutputTail): Promise<void> {
  const stream = await patient.getContainer(id).logs({ follow: true, stdout: true, stderr: true });
  const sink = new PassThrough();
  sink.on('data', tail.write);
  patient.modem.demuxStream(stream, sink, sink);
  stream.on('end', () => tail.end());
  // A lost engine ends the stream; that the container is lost is noticed by its `wait`.
  stream.on('error', () => tail.end());
}

async function waitUntilRunning(
  container: Docker.Container,
  clock: Clock,
  tail: OutputTail,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo> {
  const giveUpMs = clock.nowMs() + RUNNING_WITHIN_MS;
  for (;;) {
    throwIfAborted(signal);
    const info = await container.inspect();
    if (info.State.Running) return info;
    const ended = info.State.Status === 'exited' || info.State.Status === 'dead';
    if (ended || clock.nowMs() >= giveUpMs) {
      throw new PonosError('PERFORMER_UNAVAILABLE', {
        message: ended
          ? `the performer's container ${exitReason(info)}`
          : `the performer's container is not running after ${RUNNING_WITHIN_MS / 1000} seconds`,
        facts: { lastOutput: tail.lines().slice(-5).join(' | ') || undefined },
      });
    }
    await clock.sleep(POLL_MS, signal);
  }
}

/** Where the performer is reached: its loopback port, or its name or IP in the network. */
async function endpointOf(
  docker: Docker,
  info: Docker.ContainerInspectInfo,
  name: string,
  networkName: string,
): Promise<string> {
  if (networkName === '') {
    const port = info.NetworkSettings.Ports[PORT_KEY]?.find(({ HostIp }) => HostIp === '127.0.0.1')?.HostPort;
    if (port !== undefined) return `127.0.0.1:${port}`;
  } else if (await isAttached(docker, networkName)) {
    return `${name}:${PERFORMER_PORT}`;
  } else {
    const ip = info.NetworkSettings.Networks[networkName]?.IPAddress;
    if (ip) return `${ip}:${PERFORMER_PORT}`;
  }
  throw new PonosError('PERFORMER_UNAVAILABLE', {
    message: `the engine gave the container ${name} no address`,
    advice: 'Check performerNetworkName; a network in mode host or none cannot be used.',
  });
}

/** Whether this program runs in a container of that network, where names resolve. */
async function isAttached(docker: Docker, networkName: string): Promise<boolean> {
  try {
    // Docker sets a container's host name to its short id.
    const self = await docker.getContainer(hostname()).inspect();
    return networkName in self.NetworkSettings.Networks;
  } catch (error) {
    if (engineStatus(error) === 404) return false;
    throw error;
  }
}

/** Never rejects: an engine that goes away takes its containers out of our sight. */
async function whenExited(engine: Engine, id: string, tail: OutputTail): Promise<PerformerExit> {
  const { reason, cause } = await waitForExit(engine, id).then(
    (words) => ({ reason: words, cause: 'performer' as const }),
    (error: unknown) => ({ reason: `lost with the engine: ${explain(error)}`, cause: 'engine' as const }),
  );
  return { reason, cause, lastLines: tail.lines() };
}

async function waitForExit({ docker, patient }: Engine, id: string): Promise<string> {
  const { StatusCode } = await patient.getContainer(id).wait();
  const container = docker.getContainer(id);
  try {
    const reason = exitReason(await container.inspect());
    // Nobody restarts it: its last lines are kept here, so it is of no further use.
    await removeContainer(container);
    return reason;
  } catch (error) {
    if (engineStatus(error) === 404) return `exited with code ${StatusCode} and was removed`;
    throw error;
  }
}

function exitReason({ State }: Docker.ContainerInspectInfo): string {
  if (State.OOMKilled) return 'ran out of memory';
  return State.Error ? `failed: ${State.Error}` : `exited with code ${State.ExitCode}`;
}

async function stopContainer(
  { docker, patient }: Engine,
  id: string,
  exited: Promise<unknown>,
  graceMs: number,
): Promise<void> {
  const container = docker.getContainer(id);
  const abortSignal = AbortSignal.timeout(graceMs + ENGINE_TIMEOUT_MS);
  const asked =
    graceMs > 0
      ? patient.getContainer(id).stop({ t: Math.ceil(graceMs / 1000), abortSignal })
      : container.kill({ abortSignal });
  // 304, 409: it has ended already; 404: somebody removed it.
  await unlessStatus(asked, 304, 404, 409);
  await exited;
  await removeContainer(container);
}

async function removeContainer(container: Docker.Container): Promise<void> {
  // 404: gone already; 409: its removal is under way.
  await unlessStatus(container.remove({ force: true, v: true }), 404, 409);
}
