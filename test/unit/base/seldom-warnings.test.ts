import { expect, test } from '@jest/globals';
import { SeldomWarnings } from '../../../src/base/seldom-warnings.js';

test('behavior: the first of a kind is a warning, and one every five minutes', () => {
  let nowMs = 1_000;
  const warnings = new SeldomWarnings({ monotonicMs: () => nowMs });
  expect([warnings.levelOf('a'), warnings.levelOf('a'), warnings.levelOf('b')]).toEqual([
    'warn',
    'info',
    'warn',
  ]);
  nowMs += 299_999;
  expect(warnings.levelOf('a')).toBe('info');
  nowMs += 1;
  expect([warnings.levelOf('a'), warnings.levelOf('a')]).toEqual(['warn', 'info']);
});
