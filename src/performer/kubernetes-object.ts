/** What a performer's object in a cluster is: its name, its labels, its spec, its status. Pure. */

import { fieldAt, listAt, textAt, textsAt } from './kubernetes-fields.js';
import { imageReference, LABELS, type PerformerOwner } from './performer-identity.js';
import { type EnvReference, PERFORMER_PORT, type PerformerImage, type PerformerSpec } from './runtime.js';

/** Where the objects of this executor are. */
export interface PerformerResource {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
}

/** An object as an API server tells it. */
export interface ApiObject {
  readonly name: string;
  /** Of this one: another one of the same name has another. */
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether it is to go, and is there as long as somebody has to clean up after it. */
  readonly isDeleting: boolean;
  readonly spec: unknown;
  readonly status: unknown;
}

/** @returns undefined for what is no object */
export function readObject(value: unknown): ApiObject | undefined {
  const name = textAt(value, 'metadata', 'name');
  const uid = textAt(value, 'metadata', 'uid');
  if (name === undefined || uid === undefined) return undefined;
  return {
    name,
    uid,
    labels: textsAt(value, 'metadata', 'labels'),
    isDeleting: textAt(value, 'metadata', 'deletionTimestamp') !== undefined,
    spec: fieldAt(value, 'spec'),
    status: fieldAt(value, 'status'),
  };
}

export const groupVersion = ({ group, version }: PerformerResource): string => `${group}/${version}`;

/** The path of the objects of the namespace, or of one of them. */
export function performersPath(resource: PerformerResource, name?: string): string {
  const all = `/apis/${groupVersion(resource)}/namespaces/${encodeURIComponent(resource.namespace)}/performers`;
  return name === undefined ? all : `${all}/${encodeURIComponent(name)}`;
}

export function podsPath(namespace: string, pod?: string): string {
  const all = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  return pod === undefined ? all : `${all}/${encodeURIComponent(pod)}`;
}

/** The pod, and the service, that the Hourglass operator makes of a performer. */
export const podName = (performer: string): string => `performer-${performer}`;

/** The selector that finds the objects of this executor: an operator may have one in a cluster for each L1 chain. */
export function ownerSelector({ operator, l1ChainId }: PerformerOwner): string {
  return `${LABELS.role}=performer,${LABELS.operator}=${operator},${LABELS.l1Chain}=${l1ChainId}`;
}

/**
 * What is created. Values of variables stand in it, as the resource has it; those of `cluster.envFrom` do not.
 * @param image what `spec.image` must be
 */
export function performerObject(
  spec: PerformerSpec,
  image: PerformerImage,
  name: string,
  owner: PerformerOwner,
  resource: PerformerResource,
): Readonly<Record<string, unknown>> {
  return {
    apiVersion: groupVersion(resource),
    kind: 'Performer',
    metadata: {
      name,
      namespace: resource.namespace,
      labels: {
        [LABELS.role]: 'performer',
        [LABELS.operator]: owner.operator,
        [LABELS.l1Chain]: String(owner.l1ChainId),
        [LABELS.avs]: spec.avs,
        // What other tools of the Hourglass look for.
        app: 'hourglass-performer',
        'hourglass.eigenlayer.io/avs': spec.avs,
        'hourglass.eigenlayer.io/performer': name,
      },
    },
    spec: performerObjectSpec(spec, image),
  };
}

export function performerObjectSpec(
  { avs, command, env, resources, cluster }: PerformerSpec,
  image: PerformerImage,
): Readonly<Record<string, unknown>> {
  const references = cluster?.envFrom ?? [];
  const account = cluster?.serviceAccountName;
  return {
    avsAddress: avs,
    image: imageReference(image),
    version: image.digest ?? image.tag ?? 'latest',
    config: {
      grpcPort: PERFORMER_PORT,
      environment: {
        AVS_ADDRESS: avs,
        ...Object.fromEntries([...env].map(([name, value]) => [name, value.reveal()])),
        GRPC_PORT: String(PERFORMER_PORT),
      },
      ...(references.length > 0 && { environmentFrom: references.map(environmentFrom) }),
      ...(account !== undefined && { serviceAccountName: account }),
      ...(command.length > 0 && { args: [...command] }),
    },
    resources: { limits: { cpu: quantity(resources.cpus), memory: String(resources.memoryBytes) } },
  };
}

function environmentFrom({ name, source, object, key }: EnvReference): Readonly<Record<string, unknown>> {
  const reference = { name: object, key };
  return {
    name,
    valueFrom: source === 'secret' ? { secretKeyRef: reference } : { configMapKeyRef: reference },
  };
}

/** Thousandths are the least that Kubernetes counts. */
const quantity = (cpus: number): string => `${Math.max(1, Math.round(cpus * 1000))}m`;

/** Where it serves: as it was overridden, else as its status says, else where the operator's service must be. */
export function endpointOf(object: ApiObject, spec: PerformerSpec, { namespace }: PerformerResource): string {
  const host =
    spec.cluster?.endpointOverride ??
    textAt(object.status, 'grpcEndpoint') ??
    `${podName(object.name)}.${namespace}.svc.cluster.local`;
  // The Hourglass operator writes the name of the service alone.
  return /:\d+$/.test(host) ? host : `${host}:${PERFORMER_PORT}`;
}

/** What the status of a performer comes to. `pending`: it may come to run. */
export type PerformerCondition =
  | { readonly is: 'ready' | 'pending' }
  | { readonly is: 'over'; readonly reason: string };

const OVER_PHASES = ['Failed', 'Succeeded', 'Terminating'];

export function conditionOf({ status, isDeleting }: ApiObject): PerformerCondition {
  const phase = textAt(status, 'phase');
  const said = lastMessage(status);
  if (isDeleting) return { is: 'over', reason: 'was removed by somebody else' };
  if (phase !== undefined && OVER_PHASES.includes(phase)) {
    return { is: 'over', reason: `is in phase ${phase}${said === undefined ? '' : `: ${said}`}` };
  }
  return { is: fieldAt(status, 'ready') === true ? 'ready' : 'pending' };
}

/** What the operator says of it: of its conditions, the last one that says something. */
export function lastMessage(status: unknown): string | undefined {
  const messages = listAt(status, 'conditions').map((condition) => textAt(condition, 'message'));
  return textAt(status, 'message') ?? messages.findLast((message) => message !== undefined);
}
