import { expect, test } from '@jest/globals';
import { pauseMsAfter } from '../../../src/base/growing-pause.js';

test('default: each failure has its pause, and the last one repeats', () => {
  const pauses = [0, 1, 2, 3, 1_000].map((failures) => pauseMsAfter(failures, [250, 500, 1_000]));
  expect(pauses).toEqual([250, 500, 1_000, 1_000, 1_000]);
});
