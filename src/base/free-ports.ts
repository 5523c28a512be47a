/** Ports for those that are told now where they are to listen, and do so later. */
import { randomInt } from 'node:crypto';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Clock, systemClock } from './clock.js';
import { PonosError } from './error.js';

export interface FreePortsOptions {
  /** The first and the last that may be chosen. */
  readonly range?: readonly [number, number];
  /** Where it is noted which were given away. */
  readonly folder?: string;
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/**
 * Below what Linux (32768) and others give by default to outgoing connections, and to those who listen wherever there is
 * room: they could take a port between the choice and its use.
 */
const RANGE = [10_000, 32_000] as const;
const NOTES = path.join(tmpdir(), `ponos-ports-${process.getuid?.() ?? 'all'}`);
const MAX_ATTEMPTS = 1_000;
/** Within this time whoever was given a port listens on it, and it can be seen that it is taken. */
const GIVEN_MS = 120_000;

/**
 * `count` different ports that nobody listens on, and that no process of this user was given a moment ago.
 * @throws PonosError PORT_IN_USE when none can be found
 */
export async function freePorts(count: number, options: FreePortsOptions = {}): Promise<number[]> {
  const { range: [first, last] = RANGE, folder = NOTES, clock = systemClock } = options;
  const held = new Map<number, Server>();
  const given = await givenPorts(folder, clock.nowMs());
  try {
    for (let attempt = 0; held.size < count; attempt++) {
      if (attempt === MAX_ATTEMPTS + count) {
        throw new PonosError('PORT_IN_USE', { message: `no free ports from ${first} to ${last}` });
      }
      const port = randomInt(first, last + 1);
      const server = held.has(port) || !(await given.note(port)) ? undefined : await hold(port);
      if (server !== undefined) held.set(port, server);
    }
    return [...held.keys()];
  } finally {
    await Promise.all([...held.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

interface GivenPorts {
  /** Notes that a port is given away; false if it is already. */
  note(port: number): Promise<boolean>;
}

/** An empty file for each port: several devnets may be made at the same time, each by a process of its own. */
async function givenPorts(folder: string, nowMs: number): Promise<GivenPorts> {
  // Where nothing can be noted, two that choose at the same time may choose the same port, and the later one says so.
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => undefined);
  for (const name of await readdir(folder).catch(() => [])) {
    const file = path.join(folder, name);
    const notedAtMs = (await stat(file).catch(() => undefined))?.mtimeMs ?? nowMs;
    if (nowMs - notedAtMs > GIVEN_MS) await rm(file, { force: true }).catch(() => undefined);
  }
  return {
    async note(port) {
      try {
        await (await open(path.join(folder, String(port)), 'wx', 0o600)).close();
        return true;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code !== 'EEXIST';
      }
    },
  };
}

/** Listens where nodes do, on all addresses; undefined when that is not possible. */
function hold(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '0.0.0.0', () => resolve(server));
  });
}
