import { expect, test } from '@jest/globals';
import type { Admitted } from '../../../src/executor/admit.js';
import { AvsSlots } from '../../../src/executor/avs-slots.js';
import { runTask } from '../../../src/executor/run.js';
import { manualClock } from '../../support/manual-clock.js';
import { tracesIn } from '../../support/signal-traces.js';
import { AVS } from '../aggregator/world.js';

test('behavior: a run that has ended leaves nothing behind in the signal of the executor, which lasts', async () => {
  const stop = new AbortController();
  const clock = manualClock();
  const admitted = { submission: { operatorSet: { avs: AVS, id: 1 } } } as Admitted;
  const execute = async () => {
    expect(tracesIn(stop.signal)).toBe(1);
    return new Uint8Array(1);
  };
  const slots = new AvsSlots({ maxConcurrent: 1, maxWaiting: 1 });
  const deps = { slots, clock, maxTaskSeconds: 10, maxOutputBytes: 1, performers: { execute } };
  for (let run = 0; run < 3; run++) await runTask(admitted, deps, stop.signal);
  expect([tracesIn(stop.signal), clock.sleepers]).toEqual([0, 0]);
});
