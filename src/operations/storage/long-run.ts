/** What commands that may take long have in common: they can be interrupted, and tell how far they are. */
import { systemClock, throwIfAborted } from '../../base/clock.js';
import { abortOnInterrupt } from '../interrupt.js';
import type { ProgressOutput } from '../terminal.js';
import { createProgress, type Progress } from './progress.js';

export interface LongRunFlags {
  readonly progress?: boolean;
}

export interface LongRun {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Runs the action; SIGINT and SIGTERM abort its signal, and whatever it iterates through `abortable`. */
export async function runLong<T>(
  what: string,
  flags: LongRunFlags,
  stderr: ProgressOutput,
  action: (run: LongRun) => Promise<T>,
): Promise<T> {
  const interrupt = abortOnInterrupt();
  const shown = flags.progress ?? stderr.isTerminal;
  const progress = createProgress({ what, output: shown ? stderr : undefined, clock: systemClock });
  try {
    return await action({ progress, signal: interrupt.signal });
  } finally {
    progress.end();
    interrupt.release();
  }
}

/** The same items, until the signal aborts. @throws PonosError ABORTED */
export async function* abortable<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    throwIfAborted(signal);
    yield item;
  }
}
