/** What a performer's container is: its name, its limits, its labels. Pure. */
import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import type { Address } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import { PERFORMER_PORT, type PerformerImage, type PerformerSpec } from './runtime.js';

/** Labels that say whose a container or network is. Values of variables are in none of them. */
export const LABELS = {
  role: 'ponos.role',
  operator: 'ponos.operator',
  l1Chain: 'ponos.l1-chain',
  avs: 'ponos.avs',
} as const;

/** Whose the containers are: an operator may have one executor on an engine for each L1 chain. */
export interface PerformerOwner {
  readonly operator: Address;
  readonly l1ChainId: number;
}

export const PORT_KEY = `${PERFORMER_PORT}/tcp`;

/** `avs-performer-<first 6 hex digits of sha256(address)>-<unique>`: the prefix that public tools look for. */
export function containerName(avs: Address, unique: string): string {
  const hash = createHash('sha256').update(avs, 'utf8').digest('hex');
  return `avs-performer-${hash.slice(0, 6)}-${unique}`;
}

/** `repository@digest`, or `repository:tag` (default `latest`). */
export function imageReference({ repository, tag, digest }: PerformerImage): string {
  return digest === undefined ? `${repository}:${tag ?? 'latest'}` : `${repository}@${digest}`;
}

function ownerLabels({ operator, l1ChainId }: PerformerOwner): Readonly<Record<string, string>> {
  return {
    [LABELS.role]: 'performer',
    [LABELS.operator]: operator,
    [LABELS.l1Chain]: String(l1ChainId),
  };
}

/** The filter that finds the containers, and the events, of this executor. */
export function ownedBy(owner: PerformerOwner): { label: string[] } {
  return { label: Object.entries(ownerLabels(owner)).map(([key, value]) => `${key}=${value}`) };
}

/** @param labels a container's */
export function isOwnedBy(owner: PerformerOwner, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(ownerLabels(owner)).every(([key, value]) => labels[key] === value);
}

/** Why the container ended, as its engine tells it. */
export function exitReason({ State }: Docker.ContainerInspectInfo): string {
  if (State.OOMKilled) return 'ran out of memory';
  return State.Error ? `failed: ${State.Error}` : `exited with code ${State.ExitCode}`;
}

/**
 * Networks in which a container has no address of its own: on that of the host, its port would be everybody's.
 * @throws PonosError CONFIG_INVALID for one of them
 */
export function checkNetworkName(name: string): void {
  if (!/^(host|none|container:.*)$/.test(name)) return;
  throw new PonosError('CONFIG_INVALID', {
    message: `performerNetworkName cannot be ${name}: performers need a network of their own`,
    advice: 'Name a bridge network (it is made if missing), or leave it empty.',
  });
}

/** @param networkMode the network to join; undefined: publish the port on loopback instead */
export function containerOptions(
  spec: PerformerSpec,
  image: string,
  name: string,
  owner: PerformerOwner,
  networkMode: string | undefined,
): Docker.ContainerCreateOptions {
  const { memoryBytes, cpus, pids, readOnlyRootfs, user } = spec.resources;
  return {
    name,
    Image: image,
    ...(user === undefined ? {} : { User: user }),
    ...(spec.command.length === 0 ? {} : { Cmd: [...spec.command] }),
    Env: [
      `AVS_ADDRESS=${spec.avs}`,
      ...[...spec.env].map(([key, value]) => `${key}=${value.reveal()}`),
      `GRPC_PORT=${PERFORMER_PORT}`,
    ],
    ExposedPorts: { [PORT_KEY]: {} },
    Labels: { ...ownerLabels(owner), [LABELS.avs]: spec.avs },
    HostConfig: {
      ...(networkMode === undefined
        ? { PortBindings: { [PORT_KEY]: [{ HostIp: '127.0.0.1', HostPort: '' }] } }
        : { NetworkMode: networkMode }),
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: pids,
      Memory: memoryBytes,
      // Equal to Memory: no swap on top.
      MemorySwap: memoryBytes,
      NanoCpus: Math.round(cpus * 1e9),
      ReadonlyRootfs: readOnlyRootfs,
      ...(readOnlyRootfs ? { Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,size=64m' } } : {}),
      // Restarts are our policy's, not the engine's.
      RestartPolicy: { Name: 'no' },
      // What a performer prints must not fill the host's disk.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    },
  };
}
