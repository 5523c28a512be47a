import { expect, test } from '@jest/globals';
import { TaskJournal, type TaskJournalOptions } from '../../../src/aggregator/task-journal.js';
import { type TaskStep, TaskTracker } from '../../../src/aggregator/tracker.js';
import { parseHash32, parseTaskId } from '../../../src/base/brands.js';
import { PonosError } from '../../../src/base/error.js';
import { silentLogger } from '../../../src/base/logger.js';
import type { TaskChange } from '../../../src/store/aggregator-records.js';
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

test('behavior: the store says why executors had not answered a task at its deadline', async () => {
  const clock = manualClock();
  const reasons: unknown[] = [];
  const store = { updateTask: async (_task: unknown, { reason }: TaskChange) => reasons.push(reason) };
  const shared = { clock, tracker: new TaskTracker(clock), logger: silentLogger, store };
  const end = async (error: PonosError, ...steps: readonly TaskStep[]) => {
    const journal = new TaskJournal({ ...shared, task: newTask() } as unknown as TaskJournalOptions);
    for (const step of steps) journal.reach(step, {});
    journal.counted(operatorAddress(0));
    for (const index of [1, 2]) journal.callFailed(operatorAddress(index), 'UNAVAILABLE: away', false);
    await journal.failed(error, new AbortController().signal);
  };
  const expired = new PonosError('TASK_EXPIRED', { message: 'the deadline has passed' });
  await end(expired, 'sent');
  await end(expired, 'sent', 'threshold met');
  await end(new PonosError('TASK_REFUSED', { message: 'two answers' }), 'sent');
  const away = [1, 2].map(operatorAddress).join(', ');
  expect(reasons).toEqual([
    `the deadline has passed (${away}: UNAVAILABLE: away) (after: answered)`,
    'the deadline has passed (after: threshold met)',
    'two answers (after: answered)',
  ]);
});
