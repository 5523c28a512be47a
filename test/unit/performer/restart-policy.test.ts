import { describe, expect, test } from '@jest/globals';
import { PonosError } from '../../../src/base/error.js';
import { causeOf, planRestart } from '../../../src/performer/restart-policy.js';

describe('planRestart', () => {
  test('default: five restarts in a row, each later than the one before, then none', () => {
    const delays: number[] = [];
    let restarts = 0;
    for (
      let plan = planRestart(0, 0, 'performer');
      plan !== undefined;
      plan = planRestart(restarts, 0, 'performer')
    ) {
      delays.push(plan.delayMs);
      restarts = plan.restarts;
    }
    expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 30_000]);
  });

  test.each([
    ['a minute in service starts the count anew', 5, 60_000, { delayMs: 2_000, restarts: 1 }],
    ['a second less does not', 4, 59_000, { delayMs: 30_000, restarts: 5 }],
    ['nor after the last one', 5, 59_000, undefined],
  ])('behavior: %s', (_name, restarts, healthyForMs, expected) => {
    expect(planRestart(restarts, healthyForMs, 'performer')).toEqual(expected);
  });

  test('behavior: an engine that is gone is no reason to give a performer up', () => {
    for (const restarts of [0, 4, 5]) {
      const plan = planRestart(restarts, 0, 'engine');
      expect(planRestart(plan?.restarts ?? 5, 0, 'performer')).toBeDefined();
    }
  });
});

describe('causeOf', () => {
  test.each([
    ['DOCKER_UNAVAILABLE', 'engine'],
    ['IMAGE_PULL_FAILED', 'engine'],
    ['IMAGE_MISSING', 'performer'],
    ['PERFORMER_UNAVAILABLE', 'performer'],
  ] as const)('behavior: %s: the %s', (code, cause) => {
    expect(causeOf(new PonosError(code, { message: 'x' }))).toBe(cause);
  });
});
