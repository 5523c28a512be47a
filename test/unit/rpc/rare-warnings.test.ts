import { expect, test } from '@jest/globals';
import { RareWarnings } from '../../../src/rpc/rare-warnings.js';
import { manualClock } from '../../support/manual-clock.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';

test('behavior: five at once, then one every ten seconds, which says how many were left out', async () => {
  const clock = manualClock();
  const lines: LogLine[] = [];
  const warnings = new RareWarnings({ clock, logger: recordingLogger(lines) });
  for (let count = 1; count <= 8; count += 1) warnings.warn(`number ${count}`, { peer: 'p' });
  expect(lines.map(({ message }) => message)).toEqual([1, 2, 3, 4, 5].map((count) => `number ${count}`));
  await clock.advance(10_000);
  warnings.warn('later', { peer: 'p' });
  warnings.warn('too soon', { peer: 'p' });
  expect(lines.slice(5)).toEqual([{ level: 'warn', message: 'later', fields: { peer: 'p', unprinted: 3 } }]);
});
