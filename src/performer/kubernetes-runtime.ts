/** Performers in a cluster: as `Performer` objects, of which the Hourglass operator makes pods and services. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.js';
import { throwIfAborted } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { secretHider } from './hide-secrets.js';
import { loadKubernetesAccess } from './kubernetes-access.js';
import { judgeAdoption } from './kubernetes-adoption.js';
import { createKubernetesApi, type KubernetesApi } from './kubernetes-api.js';
import { type Attempt, isMissing, kubernetesRefusal } from './kubernetes-errors.js';
import { listAt } from './kubernetes-fields.js';
import { type InstanceWorld, instanceOf, whenReady } from './kubernetes-instance.js';
import {
  type ApiObject,
  groupVersion,
  ownerSelector,
  type PerformerResource,
  performerObject,
  performersPath,
  readObject,
} from './kubernetes-object.js';
import { followPod, type PodWorld } from './kubernetes-output.js';
import { type PerformerWatch, watchPerformers } from './kubernetes-sight.js';
import type { OutputLog } from './output-log.js';
import { KEPT_LINES } from './output-tail.js';
import { imageOf, imageReference, type PerformerOwner, performerName } from './performer-identity.js';
import type {
  AdoptedInstance,
  EarlierInstance,
  PerformerImage,
  PerformerInstance,
  PerformerRuntime,
  PerformerSpec,
  ProgressListener,
} from './runtime.js';

/** As `kubernetes` in the configuration. */
export interface KubernetesOptions {
  readonly namespace: string;
  readonly crdGroup: string;
  readonly crdVersion: string;
  /** How long an answer of the API server may take, in milliseconds. */
  readonly connectionTimeout: number;
  readonly kubeConfigPath?: string;
  readonly inCluster: boolean;
}

export interface KubernetesRuntimeOptions extends PerformerOwner {
  readonly kubernetes: KubernetesOptions;
  /** This program's own environment: it says where the cluster is. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gets what performers print. */
  readonly output?: OutputLog;
}

interface World extends InstanceWorld {
  readonly api: KubernetesApi;
  readonly owner: PerformerOwner;
  readonly watch: PerformerWatch;
  readonly pods: PodWorld;
  readonly logger: Logger;
}

/**
 * Connects to the cluster. Executors of other operators, or for other L1 chains, may use the same namespace.
 * @throws PonosError KUBERNETES_UNAVAILABLE; KUBERNETES_REFUSED without the resource, or the right to use it;
 *   CONFIG_INVALID, FILE_UNREADABLE for a kubeconfig file
 */
export async function openKubernetesRuntime(options: KubernetesRuntimeOptions): Promise<PerformerRuntime> {
  const { kubernetes, processEnv, clock, logger } = options;
  const resource: PerformerResource = {
    group: kubernetes.crdGroup,
    version: kubernetes.crdVersion,
    namespace: kubernetes.namespace,
  };
  const attempt = (what: string): Attempt => ({
    what,
    groupVersion: groupVersion(resource),
    namespace: resource.namespace,
  });
  const access = loadKubernetesAccess({ ...kubernetes, processEnv });
  const api = createKubernetesApi(access, kubernetes.connectionTimeout);
  const path = (name?: string) => performersPath(resource, name);
  const closing = new AbortController();
  const running = new Set<PerformerInstance>();
  /** Objects that are of no more use and could not be removed yet. */
  const leftovers = new Set<string>();
  let isBlind = false;

  async function remove(name: string): Promise<void> {
    // Its pod goes first, then the object: an object that is gone has nothing that runs.
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Foreground' };
    const answer = await api.call({ method: 'DELETE', path: path(name), body });
    const isAccepted = answer.status === 200 || answer.status === 202 || isMissing(answer);
    if (!isAccepted) throw kubernetesRefusal(answer, attempt('remove a performer'));
  }

  async function discard(name: string): Promise<void> {
    const isNew = !leftovers.has(name);
    leftovers.add(name);
    try {
      await remove(name);
      leftovers.delete(name);
    } catch (error) {
      if (isNew)
        logger.warn('an object of a performer cannot be removed now; it is tried again', {
          performer: name,
          error,
        });
    }
  }

  const clear = () => Promise.all([...leftovers].map(discard));

  const watch = await watchPerformers(
    {
      api,
      path,
      labelSelector: ownerSelector(options),
      attempt: attempt('watch performers'),
      clock,
      logger,
      onBack: () => void clear(),
    },
    closing.signal,
  );

  const world: World = {
    api,
    owner: options,
    resource,
    watch,
    remove,
    discard,
    clock,
    logger,
    pods: {
      api,
      namespace: resource.namespace,
      attempt: attempt('look at the pod of a performer'),
      clock,
      logger,
      output: options.output,
      onBlind(error) {
        if (isBlind) return;
        isBlind = true;
        logger.warn(
          'the pods of performers, or what they print, cannot be seen: failures are told without their words',
          {
            error,
            advice: isPonosError(error) ? error.advice : undefined,
          },
        );
      },
    },
  };

  function keep(instance: PerformerInstance): PerformerInstance {
    running.add(instance);
    void instance.exited.then(() => running.delete(instance));
    return instance;
  }

  return {
    async deploy(spec, signal, onProgress) {
      throwIfAborted(signal);
      const image = imageOf(spec);
      await clear();
      return keep(await launch(spec, image, world, attempt('start a performer'), signal, onProgress));
    },
    async adopt(earlier, spec, signal) {
      throwIfAborted(signal);
      await clear();
      const adopted = await adopt(earlier, spec, world, attempt('take over a performer'), signal);
      if (adopted !== undefined) keep(adopted.instance);
      return adopted;
    },
    async removeOrphans() {
      const known = new Set([...running].map(({ id }) => id));
      const query = { labelSelector: ownerSelector(options) };
      const answer = await api.call({ method: 'GET', path: path(), query });
      if (answer.status !== 200)
        throw kubernetesRefusal(answer, attempt('look for performers of a former run'));
      const owned = listAt(answer.body, 'items').flatMap((item) => readObject(item) ?? []);
      for (const { name, isDeleting } of owned.filter((each) => !known.has(each.name))) {
        if (isDeleting) continue;
        logger.warn('removing a performer that a former run left behind', { performer: name });
        await discard(name);
      }
    },
    async close() {
      try {
        await Promise.all([...running].map((instance) => instance.stop(0)));
      } finally {
        await clear();
        closing.abort();
        await watch.ended;
      }
    },
  };
}

async function launch(
  spec: PerformerSpec,
  image: PerformerImage,
  world: World,
  attempt: Attempt,
  signal: AbortSignal,
  onProgress: ProgressListener | undefined,
): Promise<PerformerInstance> {
  const name = performerName(spec.avs, randomBytes(6).toString('hex'));
  onProgress?.({ step: 'image', detail: imageReference(image) });
  onProgress?.({ step: 'create', detail: name });
  const watched = world.watch.watch(name);
  const followed = followPod(name, spec, world.pods);
  const handle = { name, spec, watched, followed };
  try {
    const object = performerObject(spec, image, name, world.owner, world.resource);
    watched.found(await create(object, spec, world, attempt, signal));
    onProgress?.({ step: 'start', detail: name });
    return instanceOf(await whenReady(handle, world.clock, signal), handle, world);
  } catch (error) {
    watched.leave();
    await followed.close();
    await world.discard(name);
    throw error;
  }
}

async function create(
  object: unknown,
  { env }: PerformerSpec,
  { api, resource }: World,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<ApiObject> {
  // Without `Strict`, a field that the cluster's resource does not have is left out in silence.
  const query = { fieldValidation: 'Strict' };
  const answer = await api.call(
    { method: 'POST', path: performersPath(resource), query, body: object },
    signal,
  );
  const created = answer.status === 201 ? readObject(answer.body) : undefined;
  if (created !== undefined) return created;
  const refusal = kubernetesRefusal(answer, attempt);
  const { code, facts, advice } = refusal;
  // Whoever refused may quote the object.
  throw new PonosError(code, { message: secretHider(env.values())(refusal.message), facts, advice });
}

async function adopt(
  { id: name, containerId }: EarlierInstance,
  spec: PerformerSpec,
  world: World,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<AdoptedInstance | undefined> {
  const { api, resource, owner, logger } = world;
  const image = imageOf(spec);
  // From before it is looked at: nothing that happens to it then is missed.
  const watched = world.watch.watch(name);
  try {
    const answer = await api.call({ method: 'GET', path: performersPath(resource, name) }, signal);
    const object = answer.status === 200 ? readObject(answer.body) : undefined;
    if (object === undefined && !isMissing(answer)) throw kubernetesRefusal(answer, attempt);
    const adoption = object && judgeAdoption(object, { owner, uid: containerId, spec, image });
    if (object !== undefined && adoption?.is === 'ours') {
      watched.found(object);
      const followed = followPod(name, adoption.spec, world.pods, KEPT_LINES);
      await followed.looked;
      const handle = { name, spec: adoption.spec, watched, followed };
      return { instance: instanceOf(object, handle, world), spec: adoption.spec };
    }
    watched.leave();
    if (adoption?.is === 'useless') {
      const { reason } = adoption;
      logger.info('a performer that was started before is not taken over', { performer: name, reason });
      await world.discard(name);
    }
    return undefined;
  } catch (error) {
    watched.leave();
    throw error;
  }
}
