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

  function take(raw: string): void {
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
      // A line without an end is cut rather than collected; half of a secret is not worth keeping either.
      if (partial.length > 16 * MAX_LINE_CHARS) {
        lines.push(partial);
        partial = '';
      }
      for (const line of lines) take(line);
    },
    end() {
      take(partial + decoder.end());
      partial = '';
    },
    lines: () => [...kept],
  };
}
