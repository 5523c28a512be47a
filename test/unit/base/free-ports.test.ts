import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { freePorts } from '../../../src/base/free-ports.js';

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

  test('default: none for nobody', async () => {
    expect(await freePorts(0)).toEqual([]);
  });
});
