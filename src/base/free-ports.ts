/** Ports for those that are told now where they are to listen, and do so later. */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { PonosError } from '../base/error.js';

/**
 * Below what Linux (32768) and others give by default to outgoing connections, and to those who listen wherever there is
 * room: they could take a port between the choice and its use.
 */
const [FIRST_PORT, LAST_PORT] = [10_000, 32_000];
const MAX_ATTEMPTS = 1_000;

/** `count` different ports that nobody listens on. @throws PonosError PORT_IN_USE when none can be found */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>();
  try {
    for (let attempt = 0; held.size < count; attempt++) {
      if (attempt === MAX_ATTEMPTS + count) {
        throw new PonosError('PORT_IN_USE', { message: `no free ports from ${FIRST_PORT} to ${LAST_PORT}` });
      }
      const port = randomInt(FIRST_PORT, LAST_PORT + 1);
      const server = held.has(port) ? undefined : await hold(port);
      if (server !== undefined) held.set(port, server);
    }
    return [...held.keys()];
  } finally {
    await Promise.all([...held.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Listens where nodes do, on all addresses; undefined when that is not possible. */
function hold(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '0.0.0.0', () => resolve(server));
  });
}
