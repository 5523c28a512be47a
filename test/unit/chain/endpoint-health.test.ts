import { describe, expect, test } from '@jest/globals';
import {
  afterEvent,
  askingOrder,
  type EndpointEvent,
  type EndpointHealth,
  hedgeDelayMs,
  medianLatencyMs,
  NEW_ENDPOINT,
  standing,
} from '../../../src/chain/endpoint-health.js';

const NOW = 1_000_000;
const broken: EndpointEvent = { kind: 'broken' };
const odd: EndpointEvent = { kind: 'odd' };
const wrongChain: EndpointEvent = { kind: 'wrong-chain' };
const answered = (latencyMs = 20): EndpointEvent => ({ kind: 'answered', latencyMs });
const limited = (retryAfterMs?: number): EndpointEvent => ({ kind: 'limited', retryAfterMs });
const head = (number: number, newest: number): EndpointEvent => ({ kind: 'head', head: number, newest });

/** An endpoint to which these events happened at NOW. */
function health(...events: readonly EndpointEvent[]): EndpointHealth {
  return events.reduce((state, event) => afterEvent(state, event, NOW), NEW_ENDPOINT);
}

function restMs(state: EndpointHealth): number {
  return state.restsUntilMs - NOW;
}

describe('what happens to an endpoint', () => {
  test.each<[string, readonly EndpointEvent[], EndpointHealth['state'], number]>([
    ['one failure', [broken], 'failing', 15_000],
    ['two oddities', [odd, odd], 'working', -NOW],
    ['three oddities in a row', [odd, odd, odd], 'failing', 15_000],
    ['oddities with an answer between', [odd, odd, answered(), odd, odd], 'working', -NOW],
    ['failures while it rests make the rest no longer', [broken, broken, broken], 'failing', 15_000],
    ['an answer while it rests does not end the rest', [broken, answered()], 'failing', 15_000],
    ['a limit', [limited()], 'limited', 1_000],
    ['a limit with a time', [limited(7_000)], 'limited', 7_000],
    ['a limit with a time shorter than ours', [limited(0)], 'limited', 1_000],
    ['a limit with an absurd time', [limited(1e12)], 'limited', 600_000],
    ['answers to what was sent before the limit', [limited(), limited(50_000)], 'limited', 1_000],
    ['another chain', [wrongChain], 'wrong-chain', 30_000],
    ['another chain after a failure', [broken, wrongChain], 'wrong-chain', 30_000],
    ['a head that others have passed', [head(7, 10)], 'behind', 60_000],
    ['a head within tolerance', [head(8, 10)], 'working', -NOW],
    ['a head that has caught up', [head(7, 10), head(10, 10)], 'working', -NOW],
    ['a good head while it is limited', [limited(), head(10, 10)], 'limited', 1_000],
    ['an old head while it is limited', [limited(), head(1, 10)], 'limited', 1_000],
  ])('default: %s', (_case, events, state, rest) => {
    const found = health(...events);
    expect([found.state, restMs(found)]).toEqual([state, rest]);
  });

  test.each<[string, EndpointEvent, readonly number[]]>([
    ['failing', broken, [15_000, 30_000, 60_000, 120_000, 120_000]],
    ['limited', limited(), [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]],
    ['wrong-chain', wrongChain, [30_000, 60_000, 120_000, 240_000, 300_000]],
  ])('behavior: each rest of one that stays %s is longer', (_state, event, rests) => {
    let found = NEW_ENDPOINT;
    let nowMs = NOW;
    const seen = rests.map(() => {
      found = afterEvent(found, event, nowMs);
      const rest = found.restsUntilMs - nowMs;
      nowMs = found.restsUntilMs;
      return rest;
    });
    expect(seen).toEqual(rests);
    const recovered = afterEvent(found, answered(), nowMs);
    expect(recovered.state).toBe('working');
    const restAgain = (workedMs: number) =>
      afterEvent(recovered, event, nowMs + workedMs).restsUntilMs - nowMs - workedMs;
    const last = rests.at(-1) ?? 0;
    expect([restAgain(2 * last - 1), restAgain(2 * last)]).toEqual([last, rests[0]]);
  });
});

describe('whom to ask', () => {
  const failing = health(broken);
  const lagging = health(head(1, 10));

  test.each<[string, readonly EndpointHealth[], readonly number[]]>([
    ['the order of the configuration', [NEW_ENDPOINT, NEW_ENDPOINT, NEW_ENDPOINT], [0, 1, 2]],
    ['one that fails last', [failing, NEW_ENDPOINT], [1, 0]],
    ['one that is behind before one that fails', [failing, lagging, NEW_ENDPOINT], [2, 1, 0]],
    [
      'all fail: the one that rests shortest first',
      [
        { ...failing, restsUntilMs: NOW + 9 },
        { ...failing, restsUntilMs: NOW + 5 },
      ],
      [1, 0],
    ],
    ['the only one, although it fails', [failing], [0]],
    ['not one that limits requests', [health(limited()), NEW_ENDPOINT], [1]],
    ['not one of another chain, even when others fail', [health(wrongChain), failing], [1]],
    ['nobody', [health(limited()), health(wrongChain)], []],
    [
      'a fast one not before a slow one that is preferred',
      [health(answered(900)), health(answered(5))],
      [0, 1],
    ],
  ])('default: %s', (_case, healths, order) => {
    expect(askingOrder(healths, NOW)).toEqual(order);
  });

  test('behavior: one whose rest is over stands where it stood', () => {
    for (const state of [failing, lagging, health(limited()), health(wrongChain)]) {
      expect(standing(state, state.restsUntilMs - 1)).not.toBe('first');
      expect(standing(state, state.restsUntilMs)).toBe('first');
      expect(askingOrder([state, NEW_ENDPOINT], state.restsUntilMs)).toEqual([0, 1]);
    }
  });
});

describe('latency', () => {
  const withLatencies = (...latencies: number[]) => health(...latencies.map(answered));

  test.each<[string, readonly number[], number]>([
    ['nothing known', [], 1_000],
    ['too little known', Array(9).fill(20), 1_000],
    ['a fast endpoint', Array(64).fill(20), 100],
    ['its 95th percentile', [...Array(60).fill(200), 700, 700, 700, 700], 700],
    ['outliers do not count', [...Array(63).fill(200), 9_000], 200],
    ['a slow endpoint', Array(64).fill(5_000), 2_000],
  ])('default: the other is asked after the usual time: %s', (_case, latencies, delayMs) => {
    expect(hedgeDelayMs(withLatencies(...latencies))).toBe(delayMs);
  });

  test('behavior: the last 64 answers count', () => {
    const state = withLatencies(...Array(64).fill(1_500), ...Array(64).fill(300));
    expect(state.latenciesMs).toHaveLength(64);
    expect([hedgeDelayMs(state), medianLatencyMs(state)]).toEqual([300, 300]);
    expect(medianLatencyMs(NEW_ENDPOINT)).toBeUndefined();
  });
});
