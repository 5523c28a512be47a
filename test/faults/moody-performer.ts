/** A performer that answers differently each time it runs, bundled and run by the fault harness (never imported). */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'nice-grpc';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import { PerformerServiceDefinition } from '../../src/rpc/generated/eigenlayer/hourglass/v1/performer/performer.js';

const server = createServer();
server.add(PerformerServiceDefinition, {
  startSync: async () => ({}),
  async executeTask({ taskId }) {
    await sleep(Number(process.env.PERFORMER_DELAY_MS ?? '0'));
    return { taskId, result: randomBytes(16) };
  },
});
server.add(HealthDefinition, HealthServiceImpl(HealthState()));
process.on('SIGTERM', () => process.exit(0));
void server.listen(`127.0.0.1:${process.env.PORT}`);
