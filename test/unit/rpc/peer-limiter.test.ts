import { describe, expect, test } from '@jest/globals';
import type { Clock } from '../../../src/base/clock.js';
import { isPonosError } from '../../../src/base/error.js';
import { createPeerLimiter, takeToken } from '../../../src/rpc/peer-limiter.js';

function movableClock(): Clock & { advance(ms: number): void } {
  let nowMs = 1_000_000;
  return {
    nowMs: () => {
      throw new Error('limits do not depend on the date');
    },
    monotonicMs: () => nowMs,
    sleep: async () => undefined,
    advance: (ms) => {
      nowMs += ms;
    },
  };
}

/** How many of `count` requests of a peer pass. */
function admitted(limiter: ReturnType<typeof createPeerLimiter>, peer: string, count: number): number {
  let passed = 0;
  for (let request = 0; request < count; request += 1) {
    try {
      limiter.admit(peer);
      passed += 1;
    } catch (error) {
      if (!isPonosError(error, 'REQUEST_LIMIT')) throw error;
    }
  }
  return passed;
}

describe('takeToken', () => {
  test.each([
    ['a full bucket gives one', { tokens: 5, updatedMs: 0 }, 0, { tokens: 4, updatedMs: 0 }],
    ['time fills it', { tokens: 0, updatedMs: 0 }, 500, { tokens: 0, updatedMs: 500 }],
    ['never beyond its capacity', { tokens: 5, updatedMs: 0 }, 60_000, { tokens: 4, updatedMs: 60_000 }],
    [
      'a clock set back takes nothing away',
      { tokens: 2, updatedMs: 900 },
      100,
      { tokens: 1, updatedMs: 100 },
    ],
    ['an empty one gives none', { tokens: 0.5, updatedMs: 0 }, 100, undefined],
  ])('behavior: %s', (_name, bucket, nowMs, expected) => {
    expect(takeToken(bucket, nowMs, 2, 5)).toEqual(expected);
  });
});

describe('createPeerLimiter', () => {
  test('default: a burst of one second, then the rate', () => {
    const clock = movableClock();
    const limiter = createPeerLimiter({ clock, requestsPerSecond: 10 });
    expect(admitted(limiter, '10.0.0.1:4000', 1000)).toBe(10);
    clock.advance(300);
    expect(admitted(limiter, '10.0.0.1:4000', 1000)).toBe(3);
  });

  test('behavior: other ports are the same peer, other addresses are not', () => {
    const limiter = createPeerLimiter({ clock: movableClock(), requestsPerSecond: 2 });
    expect(admitted(limiter, '10.0.0.1:4000', 2)).toBe(2);
    expect(admitted(limiter, '10.0.0.1:4001', 1)).toBe(0);
    expect(admitted(limiter, '10.0.0.2:4000', 1)).toBe(1);
  });

  test('behavior: less than one per second still lets one through', () => {
    const clock = movableClock();
    const limiter = createPeerLimiter({ clock, requestsPerSecond: 0.5 });
    expect(admitted(limiter, 'a:1', 2)).toBe(1);
    clock.advance(2000);
    expect(admitted(limiter, 'a:1', 2)).toBe(1);
  });

  test('behavior: no more peers are remembered than allowed', () => {
    const limiter = createPeerLimiter({ clock: movableClock(), requestsPerSecond: 1, maxPeers: 2 });
    for (const peer of ['a:1', 'b:1', 'c:1']) expect(admitted(limiter, peer, 2)).toBe(1);
    expect(admitted(limiter, 'a:1', 1)).toBe(1); // forgotten, so it starts anew
    expect(admitted(limiter, 'c:1', 1)).toBe(0);
  });
});
