import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../../../src/base/clock.js';
import { freePorts } from '../../../src/base/free-ports.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

describe('freePorts', () => {
  test('default: as many different ports as were asked for, below those of outgoing connections', async () => {
    const ports = await freePorts(50);
    expect(new Set(ports).size).toBe(50);
    for (const port of ports) {
      expect(port).toBeGreaterThan(1_023);
      expect(port).toBeLessThan(32_768);
    }
  });

  test('behavior: the ports can be listened on at once', async () => {
    const servers: Server[] = [];
    try {
      for (const port of await freePorts(5)) {
        const server = createServer().listen(port, '0.0.0.0');
        servers.push(server);
        await once(server, 'listening');
      }
      expect(servers).toHaveLength(5);
    } finally {
      for (const server of servers) server.close();
    }
  });

  test('behavior: a port that somebody was given is not given again, until there was time to listen on it', async () => {
    const notes = await temporaryFolder();
    try {
      const folder = notes.path;
      const [port = 0] = await freePorts(1, { folder });
      const range = [port, port] as const;
      await expect(freePorts(1, { range, folder })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
      const later = { nowMs: () => systemClock.nowMs() + 121_000 };
      expect(await freePorts(1, { range, folder, clock: later })).toEqual([port]);
    } finally {
      await notes.remove();
    }
  });

  test('behavior: where nothing can be noted, ports are given all the same', async () => {
    const ports = await freePorts(3, { folder: '/dev/null/notes' });
    expect(new Set(ports).size).toBe(3);
  });

  test('default: none for nobody', async () => {
    expect(await freePorts(0)).toEqual([]);
  });
});
