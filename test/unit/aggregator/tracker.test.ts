import { describe, expect, test } from '@jest/globals';
import { TaskTracker } from '../../../src/aggregator/tracker.js';
import { operatorAddress } from './world.js';

describe('TaskTracker', () => {
  test('default: a story knows its furthest step, when each was reached, and each operator', () => {
    let nowMs = 100;
    const tracker = new TaskTracker({ monotonicMs: () => nowMs });
    tracker.reach('a', 'seen');
    nowMs = 150;
    tracker.reach('a', 'sent');
    tracker.reach('a', 'taken');
    tracker.operator('a', operatorAddress(1), 'call failed', 'UNAVAILABLE: down');
    tracker.operator('a', operatorAddress(1), 'counted', 'counted');
    const story = tracker.stories.get('a');
    expect(story?.step).toBe('sent');
    expect(story?.reachedAtMs.get('seen')).toBe(100);
    expect(story?.reachedAtMs.get('sent')).toBe(150);
    expect(story?.operators.get(operatorAddress(1))).toBe('counted');
  });

  test('behavior: what became of asking an operator is counted over all tasks', () => {
    const tracker = new TaskTracker({ monotonicMs: () => 0 });
    const counts = () => [...tracker.totals.operators].map(([who, what]) => [who, Object.fromEntries(what)]);
    for (const key of ['a', 'b']) {
      tracker.operator(key, operatorAddress(1), 'bad signature', 'the result signature does not verify');
      tracker.operator(key, operatorAddress(2), 'counted', 'counted');
      tracker.end(key, 'verified');
    }
    tracker.operator('c', operatorAddress(2), 'another output', 'signed another output');
    expect(counts()).toEqual([
      [operatorAddress(1), { 'bad signature': 2 }],
      [operatorAddress(2), { counted: 2, 'another output': 1 }],
    ]);
  });

  test('behavior: an ended story is counted by its end, failures by their last step, and leaves memory', () => {
    const tracker = new TaskTracker({ monotonicMs: () => 0 });
    for (const key of ['a', 'b', 'c']) tracker.reach(key, 'seen');
    tracker.reach('b', 'sent');
    tracker.end('a', 'verified');
    tracker.end('b', 'failed');
    tracker.end('c', 'failed');
    expect(tracker.stories.size).toBe(0);
    expect(Object.fromEntries(tracker.totals.ended)).toEqual({ verified: 1, failed: 2 });
    expect(Object.fromEntries(tracker.totals.failedAfter)).toEqual({ sent: 1, seen: 1 });
  });
});
