import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import { retry } from '../../../src/base/retry.js';
import { manualClock, settle } from '../../support/manual-clock.js';

const unreachable = () => new PonosError('CHAIN_UNREACHABLE', { message: 'no answer' });

/** An attempt that fails with the given errors, one each, then succeeds; and how often it was made. */
function failing(...errors: unknown[]) {
  const calls: number[] = [];
  return {
    calls,
    attempt: async () => {
      calls.push(calls.length);
      if (calls.length <= errors.length) throw errors[calls.length - 1];
      return 'done';
    },
  };
}

describe('retry', () => {
  test('default: retryable errors are tried again, after each pause', async () => {
    const clock = manualClock();
    const { attempt, calls } = failing(unreachable(), unreachable());
    const result = retry(attempt, { clock, delaysMs: [100, 200] });
    await settle();
    expect(calls.length).toBe(1);
    await clock.advance(99);
    expect(calls.length).toBe(1);
    await clock.advance(1);
    expect(calls.length).toBe(2);
    await clock.advance(200);
    await expect(result).resolves.toBe('done');
    expect(calls.length).toBe(3);
  });

  test('error: the last error, when the pauses are used up', async () => {
    const clock = manualClock();
    const last = unreachable();
    const { attempt, calls } = failing(unreachable(), last);
    const result = expect(retry(attempt, { clock, delaysMs: [10] })).rejects.toBe(last);
    await clock.advance(10);
    await result;
    expect(calls.length).toBe(2);
  });

  test('error: a final error is not tried again', async () => {
    const final = new PonosError('CHAIN_MISMATCH', { message: 'another chain' });
    const { attempt, calls } = failing(final);
    await expect(retry(attempt, { clock: manualClock(), delaysMs: [1, 1] })).rejects.toBe(final);
    expect(calls.length).toBe(1);
  });

  test('args: retryIf decides', async () => {
    const clock = manualClock();
    const { attempt } = failing(new Error('again'));
    const result = retry(attempt, { clock, delaysMs: [1], retryIf: () => true });
    await clock.advance(1);
    await expect(result).resolves.toBe('done');
  });

  test('behavior: a signal ends the pause and makes no attempt after it', async () => {
    const clock = manualClock();
    const abort = new AbortController();
    const { attempt, calls } = failing(unreachable());
    const result = expect(
      retry(attempt, { clock, delaysMs: [100], signal: abort.signal }),
    ).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await settle();
    abort.abort();
    await result;
    expect(calls.length).toBe(1);
    expect(clock.sleepers).toBe(0);
    await expect(retry(attempt, { clock, delaysMs: [], signal: abort.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(calls.length).toBe(1);
  });
});
