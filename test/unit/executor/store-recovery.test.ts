import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import { Intake } from '../../../src/executor/intake.js';
import { recoverStore } from '../../../src/executor/store-recovery.js';
import { manualClock } from '../../support/manual-clock.js';

function world() {
  const clock = manualClock();
  const state: { failure: Error | undefined; failures: number } = {
    failure: new PonosError('STORE_UNAVAILABLE', { message: 'the disk is full' }),
    failures: 0,
  };
  const serving: boolean[] = [];
  const intake = new Intake({ onStoreFailure: () => (state.failures += 1), logger: silentLogger });
  intake.open();
  intake.watch((isServing) => serving.push(isServing));
  const write = async () => {
    if (state.failure) throw state.failure;
  };
  const stop = new AbortController();
  return {
    clock,
    state,
    serving,
    intake,
    stop,
    recover: () => recoverStore({ intake, write, clock }, stop.signal),
  };
}

describe('recoverStore', () => {
  test('default: work is taken again once a write succeeds', async () => {
    const { clock, state, serving, intake, recover } = world();
    intake.storeFailed(state.failure);
    intake.storeFailed(state.failure);
    expect(state.failures).toBe(1);
    const recovered = recover();
    await clock.advance(10_000);
    expect(serving).toEqual([true, false]);
    expect(() => intake.check()).toThrow('cannot store');
    state.failure = undefined;
    await clock.advance(2_000);
    await recovered;
    expect(serving).toEqual([true, false, true]);
    expect(() => intake.check()).not.toThrow();
  });

  test('behavior: it gives up when the node closes', async () => {
    const { clock, state, intake, stop, recover } = world();
    intake.storeFailed(state.failure);
    const recovered = recover();
    await clock.advance(3_000);
    stop.abort();
    await recovered;
    expect(clock.sleepers).toBe(0);
    expect(() => intake.check()).toThrow('cannot store');
  });

  test('error: what is no failure of the store is not swallowed', async () => {
    const { clock, state, intake, recover } = world();
    intake.storeFailed(state.failure);
    state.failure = new TypeError('a fault of ours');
    const recovered = expect(recover()).rejects.toThrow('a fault of ours');
    await clock.advance(2_000);
    await recovered;
  });
});

describe('Intake', () => {
  test('behavior: it refuses while starting, and while draining above all', () => {
    const intake = new Intake({ onStoreFailure: () => undefined, logger: silentLogger });
    expect(() => intake.check()).toThrow('starting');
    intake.open();
    intake.storeFailed(new Error());
    intake.drain();
    expect(() => intake.check()).toThrow('shutting down');
  });
});
