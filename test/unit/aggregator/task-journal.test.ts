import { expect, test } from '@jest/globals';
import { TaskJournal, type TaskJournalOptions } from '../../../src/aggregator/task-journal.js';
import { TaskTracker } from '../../../src/aggregator/tracker.js';
import { parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { manualClock } from '../../support/manual-clock.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';
import { newTask, operatorAddress } from './world.js';

test('behavior: what an operator does in every task is a warning now and then, and what is new of it or of another one at once', async () => {
  const clock = manualClock();
  const lines: LogLine[] = [];
  const shared = { clock, tracker: new TaskTracker(clock), logger: recordingLogger(lines) };
  const journal = (n: number) => {
    const task = newTask({ taskId: parseTaskId(`0x${n.toString().padStart(64, '0')}`) });
    return new TaskJournal({ ...shared, task } as unknown as TaskJournalOptions);
  };
  const levels = () => lines.splice(0).map(({ level }) => level);
  const [dead, other] = [operatorAddress(0), operatorAddress(1)];

  for (const n of [1, 2, 3]) journal(n).callFailed(dead, 'UNAVAILABLE: Failed to connect', false);
  expect(levels()).toEqual(['warn', 'info', 'info']);
  journal(3).callFailed(dead, 'UNAVAILABLE: Failed to connect', false);
  expect(levels()).toEqual(['debug']);

  for (const n of [1, 2]) journal(n).dropped(dead, { kind: 'bad signature', reason: 'no point' });
  for (const n of [1, 2]) journal(n).disagreed(dead, parseHash32(`0x${'0f'.repeat(32)}`));
  journal(3).callFailed(other, 'UNAUTHENTICATED: wrong key', true);
  expect(levels()).toEqual(['warn', 'info', 'warn', 'info', 'warn']);

  await clock.advance(300_000);
  for (const n of [4, 5]) journal(n).callFailed(dead, 'UNAVAILABLE: Failed to connect', false);
  expect(levels()).toEqual(['warn', 'info']);
});
