/** What a command of ours writes to: results to standard output, progress to standard error. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { outputFailure } from '../base/output-failure.js';

/** Where progress is shown. */
export interface ProgressOutput {
  readonly isTerminal: boolean;
  write(text: string): void;
}

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prints a line of the result. */
  print(line: string): void;
  /** Writes a long result as fast as it is taken. */
  pour(chunks: AsyncIterable<Uint8Array | string>): Promise<void>;
  readonly stderr: ProgressOutput;
}

export function processTerminal(): Terminal {
  return {
    env: process.env,
    print: (line) => {
      process.stdout.write(`${line}\n`);
    },
    async pour(chunks) {
      try {
        await pipeline(Readable.from(chunks), process.stdout, { end: false });
      } catch (error) {
        throw outputFailure(error);
      }
    },
    stderr: {
      isTerminal: process.stderr.isTTY === true,
      write: (text) => {
        process.stderr.write(text);
      },
    },
  };
}
