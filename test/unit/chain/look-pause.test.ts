import { expect, test } from '@jest/globals';
import { LookPause } from '../../../src/chain/look-pause.js';
import { manualClock, settle } from '../../support/manual-clock.js';
import { tracesIn } from '../../support/signal-traces.js';

function world() {
  const clock = manualClock();
  const stop = new AbortController();
  const pause = new LookPause({ clock, heads: { isAwaited: false }, pollIntervalMs: 4_000 });
  return { clock, stop, pause };
}

test('default: it ends after the interval, and leaves nothing behind in the signal, which lasts', async () => {
  const { clock, stop, pause } = world();
  for (let look = 0; look < 3; look++) {
    let isOver = false;
    const waiting = pause.wait(stop.signal).then(() => {
      isOver = true;
    });
    await clock.advance(3_999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    await waiting;
  }
  expect([tracesIn(stop.signal), clock.sleepers]).toEqual([0, 0]);
});

test('behavior: the signal ends it', async () => {
  const { clock, stop, pause } = world();
  const waiting = pause.wait(stop.signal);
  await clock.advance(1_000);
  stop.abort();
  await waiting;
  await settle();
  expect([tracesIn(stop.signal), clock.sleepers]).toEqual([0, 0]);
});
