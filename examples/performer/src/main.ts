/**
 * A performer: a gRPC server with PerformerService and the standard health service.
 *
 *   HOST                address to listen on, default 127.0.0.1 (the Dockerfile sets 0.0.0.0)
 *   PORT                default 8080
 *   PERFORMER_DELAY_MS  wait this long before each answer, to see how slow work is handled
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, ServerError, Status } from 'nice-grpc';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import {
  PerformerServiceDefinition,
  type PerformerServiceImplementation,
} from './generated/eigenlayer/hourglass/v1/performer/performer.js';
import { squarePayload } from './square.js';

const host = process.env.HOST ?? '127.0.0.1';
const port = process.env.PORT ?? '8080';
const delayMs = Number(process.env.PERFORMER_DELAY_MS ?? '0');

const performer: PerformerServiceImplementation = {
  async startSync() {
    return {};
  },

  /** Answers must be deterministic: every operator's performer has to come to the same bytes. */
  async executeTask(request, context) {
    if (delayMs > 0) await sleep(delayMs, undefined, { signal: context.signal });
    const result = squarePayload(request.payload);
    if (result === undefined) {
      throw new ServerError(Status.INVALID_ARGUMENT, 'the payload must be a number in hex, such as 0x07');
    }
    return { taskId: request.taskId, result: Buffer.from(result) };
  },
};

const health = HealthState();
const server = createServer();
server.add(PerformerServiceDefinition, performer);
server.add(HealthDefinition, HealthServiceImpl(health));

async function main(): Promise<void> {
  const bound = await server.listen(`${host}:${port}`);
  console.log(`performer listens on ${host}:${bound}`);
}

/** Takes no new tasks, finishes those it has, and ends; the executor kills it if that takes too long. */
async function stop(): Promise<void> {
  health.setStatus('unhealthy');
  await server.shutdown();
  process.exit(0);
}

process.once('SIGTERM', () => void stop());
process.once('SIGINT', () => void stop());
main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
