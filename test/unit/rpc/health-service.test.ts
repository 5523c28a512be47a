import { expect, test } from '@jest/globals';
import type { CallContext } from 'nice-grpc';
import { HealthState } from 'nice-grpc-server-health';
import { healthService } from '../../../src/rpc/health-service.js';
import { tracesIn } from '../../support/signal-traces.js';

function world() {
  const closing = new AbortController();
  const { implementation } = healthService(HealthState(), closing.signal);
  /** A caller that has been told the first status. */
  const watch = async () => {
    const caller = new AbortController();
    const context = { signal: caller.signal } as CallContext;
    const statuses = implementation.watch({ service: '' }, context)[Symbol.asyncIterator]();
    await statuses.next();
    return {
      caller,
      ended: statuses.next().then(
        () => 'told',
        () => 'ended',
      ),
    };
  };
  return { closing, watch };
}

test('default: a server that closes ends the watches', async () => {
  const { closing, watch } = world();
  const { ended } = await watch();
  closing.abort();
  expect(await ended).toBe('ended');
});

test('behavior: watches whose callers have hung up leave nothing behind in the server, which lasts', async () => {
  const { closing, watch } = world();
  const watches = await Promise.all(Array.from({ length: 20 }, watch));
  expect(tracesIn(closing.signal)).toBe(20);
  for (const { caller } of watches) caller.abort();
  for (const { ended } of watches) expect(await ended).toBe('ended');
  expect(tracesIn(closing.signal)).toBe(0);
});
