/** How far something long has come, on standard error: one line that is written over, or lines without a terminal. */
import type { Clock } from '../../base/clock.js';
import type { Entry } from '../../store/key-value-store.js';
import { formatBytes } from '../format.js';
import type { ProgressOutput } from '../terminal.js';

export interface Progress {
  /** The same records; what passes is counted. */
  entries(entries: AsyncIterable<Entry>): AsyncIterable<Entry>;
  /** The same bytes; what passes is counted. */
  chunks(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Ends the line. Call it on every way out. */
  end(): void;
}

export interface ProgressOptions {
  /** What is done, e.g. `backup`. */
  readonly what: string;
  /** Undefined: nothing is shown. */
  readonly output: ProgressOutput | undefined;
  readonly clock: Clock;
}

const TERMINAL_INTERVAL_MS = 200;
const LINES_INTERVAL_MS = 2_000;

export function createProgress({ what, output, clock }: ProgressOptions): Progress {
  let records = 0;
  let bytes = 0;
  let isShown = false;
  let lastMs = clock.monotonicMs();
  const intervalMs = output?.isTerminal ? TERMINAL_INTERVAL_MS : LINES_INTERVAL_MS;

  function show(): void {
    const counted = records === 0 ? '' : `${records.toLocaleString('en-US')} records, `;
    const text = `${what}: ${counted}${formatBytes(bytes)}`;
    output?.write(output.isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
    isShown = true;
  }
  function pass(bytesPassed: number): void {
    bytes += bytesPassed;
    const nowMs = clock.monotonicMs();
    if (output === undefined || nowMs - lastMs < intervalMs) return;
    lastMs = nowMs;
    show();
  }

  return {
    async *entries(entries) {
      for await (const entry of entries) {
        records += 1;
        pass(entry.key.length + entry.value.length);
        yield entry;
      }
    },
    async *chunks(chunks) {
      for await (const chunk of chunks) {
        pass(chunk.length);
        yield chunk;
      }
    },
    end() {
      if (output === undefined) return;
      show();
      if (output.isTerminal && isShown) output.write('\n');
    },
  };
}
