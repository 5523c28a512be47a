/** The network that performers join, and the address at which one is reached. */
import { hostname } from 'node:os';
import type Docker from 'dockerode';
import { PonosError } from '../base/error.js';
import { LABELS, PORT_KEY } from './docker-container.js';
import { engineStatus, unlessStatus } from './docker-errors.js';
import { PERFORMER_PORT } from './runtime.js';

/** A network that performers are in. */
export interface PerformerNetwork {
  readonly id: string;
  /** What a container is told to join: names may be ambiguous, ids never are. */
  readonly mode: string;
}

/** Finds or makes the network. It stays: other executors may use it. */
export async function ensureNetwork(docker: Docker, name: string): Promise<PerformerNetwork> {
  const found = await findNetwork(docker, name);
  if (found !== undefined) return found;
  const create = docker.createNetwork({
    Name: name,
    CheckDuplicate: true,
    Labels: { [LABELS.role]: 'performer-network' },
  });
  let ours: Docker.Network | undefined;
  try {
    ours = await create;
  } catch (error) {
    // Another executor has made it at the same moment.
    if (engineStatus(error) !== 409) throw error;
  }
  // Older engines make two of one name for two who ask at once: all agree on one of them.
  const agreed = await findNetwork(docker, name);
  if (agreed === undefined) throw new Error(`the network ${name} is gone again`);
  if (ours !== undefined && ours.id !== agreed.id) await unlessStatus(ours.remove(), 403, 404, 409);
  return agreed;
}

/** The first that was made of that name; undefined when there is none. */
export async function findNetwork(docker: Docker, name: string): Promise<PerformerNetwork | undefined> {
  // The engine's filter finds parts of names, too.
  const networks = (await docker.listNetworks({ filters: { name: [name] } })).filter(
    ({ Name }) => Name === name,
  );
  const [first] = networks.sort((a, b) => order(a).localeCompare(order(b)));
  if (first === undefined) return undefined;
  // The engine's own network is joined by its name only.
  return { id: first.Id, mode: name === 'bridge' ? name : first.Id };
}

const order = ({ Created, Id }: Docker.NetworkInspectInfo) => `${Created} ${Id}`;

/**
 * Where the performer is reached: its loopback port, or its name or IP in the network.
 * @param network undefined: its port is published on loopback
 * @throws PonosError PERFORMER_UNAVAILABLE when it has no address
 */
export async function endpointOf(
  docker: Docker,
  info: Docker.ContainerInspectInfo,
  name: string,
  network: PerformerNetwork | undefined,
): Promise<string> {
  if (network === undefined) {
    const port = info.NetworkSettings.Ports[PORT_KEY]?.find(({ HostIp }) => HostIp === '127.0.0.1')?.HostPort;
    if (port !== undefined) return `127.0.0.1:${port}`;
  } else if (await isAttached(docker, network)) {
    return `${name}:${PERFORMER_PORT}`;
  } else {
    const ip = joined(info, network)?.IPAddress;
    if (ip) return `${ip}:${PERFORMER_PORT}`;
  }
  throw new PonosError('PERFORMER_UNAVAILABLE', {
    message: `the engine gave the container ${name} no address`,
    advice: 'Check performerNetworkName; a network in mode host or none cannot be used.',
  });
}

/** Whether this program runs in a container of that network, where names resolve. */
async function isAttached(docker: Docker, network: PerformerNetwork): Promise<boolean> {
  try {
    // Docker sets a container's host name to its short id.
    const self = await docker.getContainer(hostname()).inspect();
    return joined(self, network) !== undefined;
  } catch (error) {
    if (engineStatus(error) === 404) return false;
    throw error;
  }
}

function joined({ NetworkSettings }: Docker.ContainerInspectInfo, { id }: PerformerNetwork) {
  return Object.values(NetworkSettings.Networks).find(({ NetworkID }) => NetworkID === id);
}
