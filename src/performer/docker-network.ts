/** The network that performers join, and the address at which one is reached. */
import { hostname } from 'node:os';
import type Docker from 'dockerode';
import { PonosError } from '../base/error.js';
import { PORT_KEY } from './docker-container.js';
import { engineStatus, unlessStatus } from './docker-errors.js';
import { LABELS } from './performer-identity.js';
import { PERFORMER_PORT } from './runtime.js';

/** A network that performers are in. */
export interface PerformerNetwork {
  readonly id: string;
  /** What a container is told to join: names may be ambiguous, ids never are. */
  readonly mode: string;
}

/**
 * Finds or makes the network. It stays: other executors may use it. Older engines make two of one name for two who ask
 * at the same moment, and let nobody join either: all but one are removed then.
 */
export async function ensureNetwork(docker: Docker, name: string): Promise<PerformerNetwork> {
  const found = await networksOf(docker, name);
  if (found.length === 0) {
    const create = docker.createNetwork({
      Name: name,
      CheckDuplicate: true,
      Labels: { [LABELS.role]: 'performer-network' },
    });
    // Another executor has made it at the same moment.
    await unlessStatus(create, 409);
    found.push(...(await networksOf(docker, name)));
  }
  const [network] = await keepOne(docker, found);
  if (network === undefined) throw new Error(`network ${name} not found`);
  return network;
}

/** The first that was made of that name; undefined when there is none. */
export async function findNetwork(docker: Docker, name: string): Promise<PerformerNetwork | undefined> {
  return (await networksOf(docker, name))[0];
}

/** Whether what failed is that others make, or clear away, the same network at this moment: another try may succeed. */
export function isNetworkRace(error: unknown): boolean {
  return error instanceof Error && /network \S+ (not found|is ambiguous)/.test(error.message);
}

/** The oldest first. */
async function networksOf(docker: Docker, name: string): Promise<PerformerNetwork[]> {
  // The engine's filter finds parts of names, too.
  const networks = (await docker.listNetworks({ filters: { name: [name] } })).filter(
    ({ Name }) => Name === name,
  );
  return (
    networks
      .sort((a, b) => order(a).localeCompare(order(b)))
      // The engine's own network is joined by its name only.
      .map(({ Id }) => ({ id: Id, mode: name === 'bridge' ? name : Id }))
  );
}

const order = ({ Created, Id }: Docker.NetworkInspectInfo) => `${Created} ${Id}`;

/** Removes the youngest ones, or the others if that one is in use: it was joined before there was another. */
async function keepOne(
  docker: Docker,
  networks: readonly PerformerNetwork[],
): Promise<readonly PerformerNetwork[]> {
  const left = [...networks];
  for (const network of [...networks].reverse()) {
    if (left.length > 1 && (await removeUnused(docker, network.id))) left.splice(left.indexOf(network), 1);
  }
  return left;
}

async function removeUnused(docker: Docker, id: string): Promise<boolean> {
  try {
    await unlessStatus(docker.getNetwork(id).remove(), 404);
    return true;
  } catch (error) {
    if (engineStatus(error) === 403) return false;
    throw error;
  }
}

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
