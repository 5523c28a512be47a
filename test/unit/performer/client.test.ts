import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer as createGrpcServer } from 'nice-grpc';
import { systemClock } from '../../../src/base/clock.js';
import { createPerformerClient } from '../../../src/performer/client.js';
import { PerformerServiceDefinition } from '../../../src/rpc/generated/eigenlayer/hourglass/v1/performer/performer.js';
import { TASK_ID } from '../../support/performer-contract.js';

const MAX_OUTPUT_BYTES = 1_000;
const ANNOUNCED_BYTES = 1_000_000_000;
const never = new AbortController().signal;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

function execute(port: number): Promise<Uint8Array> {
  const client = createPerformerClient({
    endpoint: `127.0.0.1:${port}`,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    clock: systemClock,
  });
  closers.push(() => client.close());
  return client.execute(TASK_ID, Buffer.from('x'), never);
}

const tooLarge = {
  code: 'PERFORMER_FAILED',
  message: `the performer's output is larger than ${MAX_OUTPUT_BYTES} bytes`,
};

describe('an output over the limit', () => {
  test('error: is not read: its length is enough', async () => {
    let sentBytes = 0;
    const chunk = Buffer.alloc(16_384);
    /** Sends as fast as it is read. */
    async function pour(stream: ServerHttp2Stream): Promise<void> {
      while (!stream.destroyed && sentBytes < ANNOUNCED_BYTES) {
        sentBytes += chunk.length;
        if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), once(stream, 'close')]);
      }
    }
    const server = createServer();
    const poured = new Promise<void>((resolve) => {
      server.on('stream', (stream) => {
        stream.on('error', () => undefined); // it is cut off by the client
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
        const prefix = Buffer.alloc(5);
        prefix.writeUInt32BE(ANNOUNCED_BYTES, 1);
        stream.write(prefix);
        void pour(stream).then(resolve, resolve);
      });
    });
    server.listen(0, '127.0.0.1');
    closers.push(() => server.close());
    await once(server, 'listening');
    await expect(execute((server.address() as AddressInfo).port)).rejects.toMatchObject(tooLarge);
    await poured;
    expect(sentBytes).toBeLessThan(ANNOUNCED_BYTES / 100);
  });

  test('error: is not unpacked to its end', async () => {
    const server = createGrpcServer({
      'grpc.default_compression_algorithm': 2,
      'grpc.max_send_message_length': -1,
    });
    server.add(PerformerServiceDefinition, {
      startSync: async () => ({}),
      executeTask: async ({ taskId }) => ({ taskId, result: Buffer.alloc(20_000_000) }),
    });
    const port = await server.listen('127.0.0.1:0');
    closers.push(() => server.forceShutdown());
    await expect(execute(port)).rejects.toMatchObject(tooLarge);
  });
});
