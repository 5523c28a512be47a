/** What a performer prints: followed in the log, its last lines kept for errors. */
import { StringDecoder } from 'node:string_decoder';
import type { Logger } from '../base/logger.js';
import type { Secret } from '../base/secret.js';
import { secretHider } from './hide-secrets.js';

/** How many lines are kept. */
export const KEPT_LINES = 20;
const MAX_LINE_CHARS = 500;

export interface OutputTail {
  /** Takes the next bytes of the output, cut anywhere. */
  write(chunk: Uint8Array): void;
  /** Takes what is left as a line. */
  end(): void;
  lines(): readonly string[];
}

/**
 * @param secrets values that are blotted out wherever the performer prints them
 * @param onLine gets every line, too
 */
export function createOutputTail(
  logger: Logger,
  secrets: Iterable<Secret>,
  onLine: (line: string) => void = () => undefined,
): OutputTail {
  const hide = secretHider(secrets);
  const decoder = new StringDecoder('utf8');
  const kept: string[] = [];
  let partial = '';
  /** Whether the line that comes in was cut already: its rest may begin in the middle of a secret. */
  let isCut = false;

  function take(raw: string): void {
    if (isCut) {
      isCut = false;
      return;
    }
    const line = hide(raw.trimEnd());
    if (line === '') return;
    const short = line.slice(0, MAX_LINE_CHARS);
    logger.debug('performer output', { line: short });
    onLine(short);
    kept.push(short);
    if (kept.length > KEPT_LINES) kept.shift();
  }

  return {
    write(chunk) {
      const lines = (partial + decoder.write(Buffer.from(chunk))).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) take(line);
      // A line without an end is cut rather than collected. What is kept of it ends long before the cut.
      if (partial.length > 16 * MAX_LINE_CHARS) {
        take(partial);
        partial = '';
        isCut = true;
      }
    },
    end() {
      take(partial + decoder.end());
      partial = '';
    },
    lines: () => [...kept],
  };
}
