import { describe, expect, test } from '@jest/globals';
import { abortError, abortWith, systemClock, throwIfAborted } from '../../../src/base/clock.js';
import { PonosError } from '../../../src/base/error.js';
import { tracesIn } from '../../support/signal-traces.js';

describe('systemClock', () => {
  test('behavior: it tells the time, and a sleep of no length ends', async () => {
    const before = Date.now();
    await systemClock.sleep(0);
    expect(systemClock.nowMs()).toBeGreaterThanOrEqual(before);
  });

  test('behavior: what has passed is measured by a clock that only goes on', async () => {
    const before = systemClock.monotonicMs();
    const dateNow = Date.now;
    try {
      Date.now = () => 0;
      expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
    } finally {
      Date.now = dateNow;
    }
  });

  test('behavior: a signal ends a sleep, at once when it has aborted before', async () => {
    const abort = new AbortController();
    const sleep = systemClock.sleep(1_000_000, abort.signal);
    abort.abort();
    await expect(sleep).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(systemClock.sleep(1_000_000, abort.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('abortWith', () => {
  const reason = new Error('the end');

  test('default: the controller aborts with the signal, for the same reason, also when that has aborted before', () => {
    const [source, early, late] = [new AbortController(), new AbortController(), new AbortController()];
    abortWith(early, source.signal);
    source.abort(reason);
    abortWith(late, source.signal);
    expect([early.signal.reason, late.signal.reason]).toEqual([reason, reason]);
  });

  test('behavior: until it is told to end; then nothing is left in the signal', () => {
    const [source, controller] = [new AbortController(), new AbortController()];
    const unlink = abortWith(controller, source.signal);
    expect(tracesIn(source.signal)).toBe(1);
    unlink();
    source.abort(reason);
    expect([tracesIn(source.signal), controller.signal.aborted]).toEqual([0, false]);
  });
});

describe('abortError', () => {
  test('behavior: a reason of ours is the error, another one its cause', () => {
    const ours = new PonosError('TASK_EXPIRED', { message: 'too late' });
    expect(abortError(AbortSignal.abort(ours))).toBe(ours);
    const other = new Error('x');
    expect(abortError(AbortSignal.abort(other))).toMatchObject({ code: 'ABORTED', cause: other });
    expect(abortError()).toMatchObject({ code: 'ABORTED' });
  });

  test('behavior: throwIfAborted throws only then', () => {
    expect(() => throwIfAborted()).not.toThrow();
    expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
    expect(() => throwIfAborted(AbortSignal.abort())).toThrow('stopped on request');
  });
});
