/** What a performer's container is: its name, its limits, its labels. Pure. */
import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import type { Address } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import { PERFORMER_PORT, type PerformerImage, type PerformerSpec } from './runtime.js';

/** Labels that say whose a container or network is. */
export const LABELS = {
  role: 'ponos.role',
  operator: 'ponos.operator',
  avs: 'ponos.avs',
} as const;

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

/** The filter that finds the containers of this operator's executor. */
export function ownedBy(operator: Address): { label: string[] } {
  return { label: [`${LABELS.role}=performer`, `${LABELS.operator}=${operator}`] };
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

/** @param networkName the network to join; empty: publish the port on loopback instead */
export function containerOptions(
  spec: PerformerSpec,
  image: string,
  name: string,
  operator: Address,
  networkName: string,
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
    Labels: {
      [LABELS.role]: 'performer',
      [LABELS.operator]: operator,
      [LABELS.avs]: spec.avs,
    },
    HostConfig: {
      ...(networkName === ''
        ? { PortBindings: { [PORT_KEY]: [{ HostIp: '127.0.0.1', HostPort: '' }] } }
        : { NetworkMode: networkName }),
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
