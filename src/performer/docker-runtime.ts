/** Performers as Docker containers: locked down, reachable from this machine only, removed at the end. */
import { randomBytes } from 'node:crypto';
import Docker from 'dockerode';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { differenceTo, variables } from './docker-adoption.js';
import { checkNetworkName, containerOptions, ownedBy } from './docker-container.js';
import { dockerError, engineStatus } from './docker-errors.js';
import { ensureImage } from './docker-image.js';
import {
  ENGINE_TIMEOUT_MS,
  type Engine,
  type InstanceWorld,
  startContainer,
  takeOverContainer,
} from './docker-instance.js';
import { createLeftovers, removeContainer } from './docker-leftovers.js';
import { ensureNetwork, findNetwork, isNetworkRace, type PerformerNetwork } from './docker-network.js';
import { createContainerWatch } from './docker-watch.js';
import { recoverLostEnv } from './lost-env.js';
import type { OutputLog } from './output-log.js';
import {
  imageOf,
  imageReference,
  isOwnedBy,
  type PerformerOwner,
  performerName,
} from './performer-identity.js';
import type {
  AdoptedInstance,
  EarlierInstance,
  PerformerImage,
  PerformerInstance,
  PerformerRuntime,
  PerformerSpec,
  ProgressListener,
} from './runtime.js';

/** Executors that share an engine may make their network at the same moment. */
const NETWORK_ATTEMPTS = 4;
const NETWORK_RETRY_MS = 250;

export interface DockerRuntimeOptions extends PerformerOwner {
  /** Network the performers join, created if missing; empty: they are published on loopback ports. */
  readonly networkName: string;
  /** This program's own environment: it says where the credentials for registries are. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gets what performers print. */
  readonly output?: OutputLog;
  /** The engine's address; default: `DOCKER_HOST`, or the system's socket. */
  readonly engine?: Docker.DockerOptions;
}

interface DockerWorld extends InstanceWorld {
  /** Takes the name or id of a container of which nobody knows whether it is there. */
  readonly outOfSight: Set<string>;
}

/**
 * Connects to the engine. Executors of other operators, or for other L1 chains, may use the same one.
 * @throws PonosError DOCKER_UNAVAILABLE, CONFIG_INVALID for a network that performers cannot join
 */
export async function openDockerRuntime(options: DockerRuntimeOptions): Promise<PerformerRuntime> {
  checkNetworkName(options.networkName);
  const { logger } = options;
  const engine: Engine = {
    docker: new Docker({ ...options.engine, timeout: ENGINE_TIMEOUT_MS }),
    patient: new Docker(options.engine),
  };
  const { docker } = engine;
  const watch = createContainerWatch(engine, options, logger);
  const running = new Set<PerformerInstance>();
  const leftovers = createLeftovers({
    ...options,
    remove: (container) => removeContainer(docker, container),
  });
  /** Containers that may be there and are in nobody's hands: their engine went away before it told of them. */
  const outOfSight = new Set<string>();

  function discard(container: string): Promise<void> {
    outOfSight.delete(container);
    return leftovers.discard(container);
  }

  const world: DockerWorld = { ...options, engine, watch, discard, outOfSight };

  /** What every use of the engine begins with. */
  async function connect(): Promise<void> {
    await watch.connect();
    await leftovers.retry();
  }

  function keep(instance: PerformerInstance): PerformerInstance {
    const { container } = instance;
    running.add(instance);
    if (container !== undefined) outOfSight.delete(container.id);
    void instance.exited.then(({ cause }) => {
      running.delete(instance);
      if (cause === 'engine' && container !== undefined) outOfSight.add(container.id);
    });
    return instance;
  }

  try {
    await docker.ping();
  } catch (error) {
    throw dockerError(error, 'run performers');
  }
  return {
    async deploy(spec, signal, onProgress) {
      throwIfAborted(signal);
      const image = imageOf(spec);
      await connect();
      return keep(await launch(spec, image, world, options, signal, onProgress));
    },
    async adopt(earlier, spec, signal) {
      throwIfAborted(signal);
      await connect();
      const adopted = await adopt(earlier, spec, world, options);
      if (adopted !== undefined) keep(adopted.instance);
      return adopted;
    },
    async removeOrphans() {
      await connect();
      const known = new Set([...running].map(({ container }) => container?.id));
      const owned = await docker
        .listContainers({ all: true, filters: ownedBy(options) })
        .catch((error: unknown) => {
          throw dockerError(error, 'look for performers of a former run');
        });
      for (const { Id, Names } of owned.filter(({ Id: id }) => !known.has(id))) {
        logger.warn('removing a performer that a former run left behind', { container: Names[0] });
        await discard(Id);
      }
    },
    async close() {
      const stops = await Promise.allSettled([...running].map((instance) => instance.stop(0)));
      await leftovers.close(outOfSight);
      outOfSight.clear();
      await watch.close();
      const failed = stops.find((stop) => stop.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}

async function launch(
  spec: PerformerSpec,
  image: PerformerImage,
  world: DockerWorld,
  options: DockerRuntimeOptions,
  signal: AbortSignal,
  onProgress: ProgressListener | undefined,
): Promise<PerformerInstance> {
  const { docker } = world.engine;
  const reference = imageReference(image);
  onProgress?.({ step: 'image', detail: reference });
  await ensureImage(docker, image, { ...options, patient: world.engine.patient }, signal, onProgress);
  throwIfAborted(signal);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await createAndStart(spec, reference, world, options, signal, onProgress);
    } catch (error) {
      if (attempt === NETWORK_ATTEMPTS || !isNetworkRace(error))
        throw dockerError(error, 'start a performer');
      await options.clock.sleep(NETWORK_RETRY_MS * attempt, signal);
    }
  }
}

/** @throws what the engine says, or PonosError as `startContainer`; nothing is left then */
async function createAndStart(
  spec: PerformerSpec,
  reference: string,
  world: DockerWorld,
  options: DockerRuntimeOptions,
  signal: AbortSignal,
  onProgress: ProgressListener | undefined,
): Promise<PerformerInstance> {
  const { docker } = world.engine;
  const { networkName } = options;
  const name = performerName(spec.avs, randomBytes(6).toString('hex'));
  onProgress?.({ step: 'create', detail: name });
  try {
    const network = networkName === '' ? undefined : await ensureNetwork(docker, networkName);
    const create = containerOptions(spec, reference, name, options, network?.mode);
    const { id } = await docker.createContainer(create);
    onProgress?.({ step: 'start', detail: name });
    return await startContainer({ id, name, network }, spec, world, signal);
  } catch (error) {
    await world.discard(name);
    // An engine that has not answered may still make it.
    if (engineStatus(error) === undefined && !isPonosError(error)) world.outOfSight.add(name);
    throw error;
  }
}

async function adopt(
  { containerId }: EarlierInstance,
  asked: PerformerSpec,
  world: DockerWorld,
  options: DockerRuntimeOptions,
): Promise<AdoptedInstance | undefined> {
  if (containerId === undefined || asked.image === undefined) return undefined;
  const { docker } = world.engine;
  try {
    const info = await docker.getContainer(containerId).inspect();
    if (!isOwnedBy(options, info.Config.Labels)) return undefined;
    const { networkName } = options;
    const network = networkName === '' ? undefined : await findNetwork(docker, networkName);
    const spec = recoverLostEnv(asked, variables(info.Config.Env));
    const difference =
      spec === undefined ? 'its variables' : await compare(docker, info, spec, options, network);
    if (spec === undefined || difference !== undefined || !info.State.Running || info.State.Paused) {
      const reason = difference === undefined ? `it is ${info.State.Status}` : `it differs in ${difference}`;
      options.logger.info('a performer that was started before is not taken over', {
        container: info.Name,
        reason,
      });
      await world.discard(containerId);
      return undefined;
    }
    return { instance: await takeOverContainer(info, network, spec, world), spec };
  } catch (error) {
    if (engineStatus(error) === 404) return undefined;
    throw dockerError(error, 'take over a performer that was started before');
  }
}

async function compare(
  docker: Docker,
  info: Docker.ContainerInspectInfo,
  spec: PerformerSpec,
  options: DockerRuntimeOptions,
  network: PerformerNetwork | undefined,
): Promise<string | undefined> {
  const wanted = containerOptions(spec, imageReference(imageOf(spec)), '', options, network?.mode);
  const { Config } = await docker.getImage(info.Image).inspect();
  return differenceTo(wanted, info, Config);
}
