import { describe, expect, test } from '@jest/globals';
import { type Ask, type AskOutcome, HedgeBudget, hedge } from '../../../src/chain/endpoint-hedge.js';
import { deferred } from '../../support/deferred.js';
import { manualClock, settle } from '../../support/manual-clock.js';

const DELAY_MS = 100;
const answer = (value: string): AskOutcome<string> => ({ kind: 'answer', value });
const failed = (error: string): AskOutcome<string> => ({ kind: 'failed', error });
const final = (error: string): AskOutcome<string> => ({ kind: 'final', error });

/** Two endpoints that answer when the test says so. */
function setup(mayHedge = () => true) {
  const clock = manualClock();
  const endpoint = () => {
    const outcome = deferred<AskOutcome<string>>();
    const state: { signal?: AbortSignal } = {};
    const ask: Ask<string> = (signal) => {
      state.signal = signal;
      return outcome.promise;
    };
    return { ask, settle: outcome.resolve, state };
  };
  const [one, two] = [endpoint(), endpoint()];
  const result = hedge(one.ask, two.ask, { delayMs: DELAY_MS, clock, mayHedge });
  return { clock, one, two, result };
}

describe('a hedged read', () => {
  test('default: the second is not asked when the first answers in time', async () => {
    const { clock, one, two, result } = setup();
    await clock.advance(DELAY_MS - 1);
    one.settle(answer('one'));
    expect(await result).toEqual({ outcome: answer('one'), asked: 'first', isOvertaken: false });
    expect(two.state.signal).toBeUndefined();
    expect(clock.sleepers).toBe(0);
  });

  test('behavior: a failure in time is told at once, for the next to be asked', async () => {
    const { one, result } = setup();
    one.settle(failed('busy'));
    expect(await result).toMatchObject({ outcome: failed('busy'), asked: 'first' });
  });

  test('behavior: the second wins, and the first is given up', async () => {
    const { clock, one, two, result } = setup();
    await clock.advance(DELAY_MS);
    two.settle(answer('two'));
    expect(await result).toEqual({ outcome: answer('two'), asked: 'both', isOvertaken: true });
    expect([one.state.signal?.aborted, two.state.signal?.aborted]).toEqual([true, false]);
  });

  test('behavior: the first wins late, and the second is given up', async () => {
    const { clock, one, two, result } = setup();
    await clock.advance(DELAY_MS);
    one.settle(final('reverted'));
    expect(await result).toEqual({ outcome: final('reverted'), asked: 'both', isOvertaken: false });
    expect([one.state.signal?.aborted, two.state.signal?.aborted]).toEqual([false, true]);
  });

  test.each([
    ['the first fails', failed('busy'), answer('two'), answer('two')],
    ['the second fails', answer('one'), failed('busy'), answer('one')],
    ['both fail', failed('first'), failed('second'), failed('first')],
  ])('behavior: %s after both were asked', async (_case, first, second, outcome) => {
    const { clock, one, two, result } = setup();
    await clock.advance(DELAY_MS);
    if (first.kind === 'failed') one.settle(first);
    else two.settle(second);
    await settle();
    one.settle(first);
    two.settle(second);
    expect(await result).toEqual({ outcome, asked: 'both', isOvertaken: false });
  });

  test('behavior: without a budget the first is waited for', async () => {
    const { clock, one, two, result } = setup(() => false);
    await clock.advance(DELAY_MS * 10);
    expect(two.state.signal).toBeUndefined();
    one.settle(answer('one'));
    expect(await result).toMatchObject({ outcome: answer('one'), asked: 'first' });
  });

  test('behavior: the budget is ten at once, and one in ten in the long run', () => {
    const budget = new HedgeBudget();
    const spend = (requests: number) => {
      let spent = 0;
      for (let request = 0; request < requests; request++) {
        budget.earn();
        if (budget.spend()) spent += 1;
      }
      return spent;
    };
    expect(spend(10)).toBe(10);
    const later = spend(1_000);
    expect(later).toBeGreaterThan(90);
    expect(later).toBeLessThanOrEqual(101);
  });
});
