/** The network that performers join, and the address at which one is reached. */
import { hostname } from 'node:os';
import type Docker from 'dockerode';
import { PonosError } from '../base/error.js';
import { LABELS, PORT_KEY } from './docker-container.js';
import { engineStatus, unlessStatus } from './docker-errors.js';
import { PERFORMER_PORT } from './runtime.js';

/** Makes the network if it is missing. It stays: other executors may use it. */
export async function ensureNetwork(docker: Docker, name: string): Promise<void> {
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

/**
 * Where the performer is reached: its loopback port, or its name or IP in the network.
 * @throws PonosError PERFORMER_UNAVAILABLE when it has no address
 */
export async function endpointOf(
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
