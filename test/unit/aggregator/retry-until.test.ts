import { describe, expect, test } from '@jest/globals';
import { retryUntil } from '../../../src/aggregator/retry-until.js';
import { explain, PonosError } from '../../../src/base/error.js';
import { manualClock } from '../../support/manual-clock.js';

const noHistory = new PonosError('CHAIN_NO_HISTORY', { message: 'this endpoint is no archive' });
const expired = new PonosError('TASK_EXPIRED', { message: 'the deadline of the task has passed' });

describe('retryUntil', () => {
  test('behavior: one of several endpoints behind a URL without history is tried again', async () => {
    const clock = manualClock();
    const failures: unknown[] = [noHistory];
    const retries: unknown[] = [];
    const result = retryUntil(
      async () => {
        const failure = failures.pop();
        if (failure !== undefined) throw failure;
        return 'read';
      },
      { clock, signal: new AbortController().signal, onRetry: (error) => retries.push(error) },
    );
    await clock.advance(250);
    expect(await result).toBe('read');
    expect(retries).toEqual([noHistory]);
  });

  test('error: the deadline tells what was in the way until then', async () => {
    const clock = manualClock();
    const deadline = new AbortController();
    const result = retryUntil(() => Promise.reject(noHistory), {
      clock,
      signal: deadline.signal,
      onRetry: () => undefined,
    });
    const ended = expect(result).rejects.toMatchObject({ code: 'TASK_EXPIRED', cause: noHistory });
    await clock.advance(1_000);
    deadline.abort(expired);
    await ended;
    await expect(result.catch(explain)).resolves.toBe(
      'the deadline of the task has passed: this endpoint is no archive',
    );
    expect(clock.sleepers).toBe(0);
  });

  test('error: a shutdown is no deadline, and what time cannot mend ends it at once', async () => {
    const stopping = new PonosError('ABORTED', { message: 'the node is stopping' });
    const attempt = () => Promise.reject(noHistory);
    const options = { clock: manualClock(), onRetry: () => undefined };
    await expect(retryUntil(attempt, { ...options, signal: AbortSignal.abort(stopping) })).rejects.toBe(
      stopping,
    );
    const refused = new PonosError('TASK_REFUSED', { message: 'no' });
    const { signal } = new AbortController();
    await expect(retryUntil(() => Promise.reject(refused), { ...options, signal })).rejects.toBe(refused);
  });
});
