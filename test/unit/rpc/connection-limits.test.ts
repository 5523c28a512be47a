import { describe, expect, test } from '@jest/globals';
import { type ConnectionLimits, type ConnectionState, judge } from '../../../src/rpc/connection-limits.js';

const LIMITS: ConnectionLimits = {
  maxConnections: 10,
  maxConnectionsPerPeer: 5,
  maxOpenCalls: 100,
  maxOpenCallsPerPeer: 50,
  firstCallMs: 30_000,
  maxConnectionIdleMs: 600_000,
  maxConnectionAgeMs: 7_200_000,
  maxConnectionAgeGraceMs: 3_600_000,
  arrivalMs: 60_000,
  maxArrivingBytes: 1_000_000,
  maxTakenBackCalls: 100,
  takenBackCallsPerSecond: 10,
};
const fresh: ConnectionState = {
  openedMs: 1000,
  usedMs: undefined,
  openCalls: 0,
  arrivingSinceMs: undefined,
};
const used: ConnectionState = { ...fresh, usedMs: 2000 };
const busy: ConnectionState = { ...used, openCalls: 1 };

describe('judge', () => {
  test.each<[string, ConnectionState, number, ReturnType<typeof judge>]>([
    ['a new one waits for its first call', fresh, 30_999, undefined],
    ['but not for ever', fresh, 31_000, 'mute'],
    ['one that has called may rest', used, 600_000, undefined],
    ['grpc-js ends it first', used, 2000 + 600_000, undefined],
    ['and if that does not help, we do', used, 2000 + 660_000, 'idle'],
    ['a call lasts as long as it likes', busy, 5_000_000, undefined],
    ['a request that arrives', { ...busy, arrivingSinceMs: 5000 }, 64_999, undefined],
    ['a request that does not', { ...busy, arrivingSinceMs: 5000 }, 65_000, 'slow'],
    ['an old one with calls, within its grace', busy, 11_500_000, undefined],
    ['an old one with calls, after its grace', busy, 11_581_000, 'old'],
  ])('behavior: %s', (_name, state, nowMs, verdict) => {
    expect(judge(state, nowMs, LIMITS)).toBe(verdict);
  });
});
