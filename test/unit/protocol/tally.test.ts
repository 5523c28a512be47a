import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseHash32 } from '../../../src/base/brands.js';
import { type TallyInput, type TallyResponse, tally } from '../../../src/protocol/tally.js';

const low = parseHash32(`0x${'11'.repeat(32)}`);
const high = parseHash32(`0x${'22'.repeat(32)}`);
const answer = (operatorIndex: number, messageHash: typeof low, weight: bigint): TallyResponse => ({
  operatorIndex,
  messageHash,
  weight,
});

function setup(responses: readonly TallyResponse[], overrides: Partial<TallyInput> = {}): TallyInput {
  return {
    responses,
    consensus: { kind: 'threshold', bips: 6_000 },
    nonePolicy: 'all',
    totalWeight: 100n,
    operatorCount: 4,
    collectingEnds: false,
    ...overrides,
  };
}

describe('tally under a threshold', () => {
  test('default: without responses nothing wins', () => {
    expect(tally(setup([]))).toEqual({ winner: undefined, groups: [] });
  });

  test('behavior: equal results add up until the threshold is met', () => {
    const responses = [answer(3, low, 30n), answer(0, low, 29n), answer(1, low, 1n)];
    expect(tally(setup(responses.slice(0, 2))).winner).toBeUndefined();
    expect(tally(setup(responses)).winner).toEqual({
      messageHash: low,
      operatorIndexes: [0, 1, 3],
      weight: 60n,
    });
  });

  test('behavior: different results do not add up, and each is named with who gave it, the heaviest first', () => {
    const split = [answer(0, high, 40n), answer(1, low, 30n)];
    expect(tally(setup(split)).winner).toBeUndefined();
    const decided = tally(setup([...split, answer(2, high, 20n)]));
    expect(decided.winner).toMatchObject({ messageHash: high, weight: 60n });
    expect(decided.groups).toEqual([decided.winner, { messageHash: low, operatorIndexes: [1], weight: 30n }]);
  });

  test('behavior: of two groups that meet it the heavier wins, of equal ones the lower hash', () => {
    const consensus = { kind: 'threshold', bips: 1_000 } as const;
    const heavier = tally(setup([answer(0, low, 20n), answer(1, high, 21n)], { consensus }));
    expect(heavier.winner?.messageHash).toBe(high);
    const equal = tally(setup([answer(0, high, 20n), answer(1, low, 20n)], { consensus }));
    expect(equal.winner?.messageHash).toBe(low);
  });

  test('behavior: zero bips need one signature, of any weight', () => {
    const consensus = { kind: 'threshold', bips: 0 } as const;
    expect(tally(setup([], { consensus })).winner).toBeUndefined();
    expect(tally(setup([answer(2, low, 0n)], { consensus })).winner?.operatorIndexes).toEqual([2]);
  });

  test('behavior: a table without weight has no winner', () => {
    const consensus = { kind: 'threshold', bips: 0 } as const;
    expect(tally(setup([answer(0, low, 0n)], { consensus, totalWeight: 0n })).winner).toBeUndefined();
  });

  test('behavior: an operator counts once, with its first response', () => {
    const twice = [answer(0, low, 59n), answer(0, low, 59n), answer(0, high, 59n)];
    expect(tally(setup(twice))).toMatchObject({
      winner: undefined,
      groups: [{ messageHash: low, operatorIndexes: [0], weight: 59n }],
    });
  });

  test('behavior: the winner meets the threshold and no group is heavier, whatever comes', () => {
    const response = fc.record({
      operatorIndex: fc.nat(9),
      messageHash: fc.constantFrom(low, high),
      weight: fc.bigInt({ min: 0n, max: 50n }),
    });
    fc.assert(
      fc.property(fc.array(response), fc.nat(10_000), (responses, bips) => {
        const { winner, groups } = tally(setup(responses, { consensus: { kind: 'threshold', bips } }));
        const heaviest = groups.reduce((most, group) => (group.weight > most ? group.weight : most), -1n);
        const reached = groups.some((group) => group.weight * 10_000n >= 100n * BigInt(bips));
        // The total is a multiple of 100, so that only the share below one unit is rounded away.
        if (bips % 100 === 0) expect(winner !== undefined).toBe(reached);
        if (winner) expect(winner.weight).toBe(heaviest);
      }),
    );
  });
});

describe('tally without a threshold', () => {
  const none = { consensus: { kind: 'none' } } as const;
  const three = [answer(0, high, 10n), answer(1, low, 30n), answer(2, low, 20n)];

  test('policy all: waits for everybody, or for the end of collecting', () => {
    expect(tally(setup(three, none)).winner).toBeUndefined();
    expect(tally(setup(three, { ...none, collectingEnds: true })).winner?.messageHash).toBe(low);
    const everybody = [...three, answer(3, high, 5n)];
    expect(tally(setup(everybody, none)).winner).toMatchObject({ messageHash: low, weight: 50n });
  });

  test('policy all: equal weights go to the lower hash', () => {
    const even = [answer(0, high, 10n), answer(1, low, 10n)];
    expect(tally(setup(even, { ...none, collectingEnds: true })).winner?.messageHash).toBe(low);
  });

  test('policy majority: over half of the weight, exactly half is not enough', () => {
    const policy = { ...none, nonePolicy: 'majority' } as const;
    expect(tally(setup(three, { ...policy, collectingEnds: true })).winner).toBeUndefined();
    expect(tally(setup([...three, answer(3, low, 1n)], policy)).winner?.weight).toBe(51n);
  });

  test('policy first: the result that came first, with all who agree', () => {
    const policy = { ...none, nonePolicy: 'first' } as const;
    expect(tally(setup(three, policy)).winner).toMatchObject({ messageHash: high, weight: 10n });
    expect(tally(setup(three, policy)).groups[0]).toMatchObject({ messageHash: low, weight: 50n });
  });
});
