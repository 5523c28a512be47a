/** What a performer's container is: its name, its limits, its labels. Pure. */
import type Docker from 'dockerode';
import { PonosError } from '../base/error.js';
import { LABELS, ownerLabels, type PerformerOwner } from './performer-identity.js';
import { PERFORMER_PORT, type PerformerSpec } from './runtime.js';

export const PORT_KEY = `${PERFORMER_PORT}/tcp`;

/** The filter that finds the containers, and the events, of this executor. */
export function ownedBy(owner: PerformerOwner): { label: string[] } {
  return { label: Object.entries(ownerLabels(owner)).map(([key, value]) => `${key}=${value}`) };
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
