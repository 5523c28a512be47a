import { expect, test } from '@jest/globals';
import { createProgress } from '../../../../src/operations/storage/progress.js';
import { manualClock } from '../../../support/manual-clock.js';
import { collect, collectingTerminal, each } from '../../../support/storage-stage.js';

const entry = { key: 'a/', value: new Uint8Array(1_022) };

test('default: without a terminal it is a line now and then, and one at the end', async () => {
  const clock = manualClock();
  const terminal = collectingTerminal();
  const progress = createProgress({ what: 'backup', output: terminal.stderr, clock });
  for (let step = 0; step < 5; step++) {
    await collect(progress.entries(each([entry])));
    await clock.advance(1_000);
  }
  progress.end();
  expect(terminal.shown()).toBe(
    ['backup: 3 records, 3.0 KiB', 'backup: 5 records, 5.0 KiB', 'backup: 5 records, 5.0 KiB', ''].join('\n'),
  );
});

test('behavior: it goes on being told although the date is set back', async () => {
  const clock = manualClock();
  const terminal = collectingTerminal();
  const progress = createProgress({ what: 'backup', output: terminal.stderr, clock });
  clock.step(-3_600_000);
  await clock.advance(2_000);
  await collect(progress.entries(each([entry])));
  expect(terminal.shown()).toBe('backup: 1 records, 1.0 KiB\n');
});

test('behavior: on a terminal one line is written over', async () => {
  const clock = manualClock();
  const terminal = collectingTerminal(true);
  const progress = createProgress({ what: 'export', output: terminal.stderr, clock });
  await clock.advance(1_000);
  await collect(progress.chunks(each([new Uint8Array(2_048)])));
  progress.end();
  expect(terminal.shown()).toBe('\r\x1b[Kexport: 2.0 KiB\r\x1b[Kexport: 2.0 KiB\n');
});

test('behavior: without an output nothing is shown, and everything passes', async () => {
  const progress = createProgress({ what: 'export', output: undefined, clock: manualClock() });
  expect(await collect(progress.entries(each([entry, entry])))).toEqual([entry, entry]);
  progress.end();
});
