import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { openEndpoint } from '../../../../src/operations/task/target.js';

test('error: an endpoint that takes the question and says nothing is given up', async () => {
  const callers: Socket[] = [];
  const server = createServer((socket) => callers.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const rpcUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(openEndpoint({ chain: 'L1', rpcUrl }, 50)).rejects.toMatchObject({
      code: 'CHAIN_UNREACHABLE',
      message: 'the endpoint of --rpc-url does not tell its chain id',
    });
    expect(callers).toHaveLength(1);
  } finally {
    for (const socket of callers) socket.destroy();
    server.close();
  }
});
