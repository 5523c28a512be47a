/**
 * The file that log lines go to, rotated by size. winston's own waits for ever for a disk that has failed once, and with it
 * everything else that is logged; here what cannot be written is counted and left out, and holds up nobody.
 */
import { appendFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { PonosError } from './error.js';
import { makeFolder } from './make-folder.js';

export interface LogFileOptions {
  readonly path: string;
  /** A file that would grow larger makes room for another. */
  readonly maxSizeBytes: number;
  /** Former files that are kept: `node1.log` is the one before `node.log`. */
  readonly maxBackups: number;
  /** Called when lines cannot be written, once until it works again. */
  readonly onFailure: (error: unknown) => void;
  /** Called when it works again. @param lost lines that are not in it */
  readonly onRecovery: (lost: number) => void;
}

/** Lines that wait for a slow disk. */
const MAX_WAITING = 10_000;
/** Lines that are written at one time. */
const BATCH_LINES = 100;

export class LogFile {
  readonly #options: LogFileOptions;
  readonly #waiting: string[] = [];
  #writing: Promise<void> | undefined;
  #isFailing = false;
  #lost = 0;

  constructor(options: LogFileOptions) {
    this.#options = options;
  }

  /** @param line without its end. Returns at once and throws nothing */
  write(line: string): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(line);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when all is written that can be. */
  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting.splice(0, BATCH_LINES);
      try {
        await this.#append(lines);
        this.#succeeded();
      } catch (error) {
        this.#failed(lines.length, error);
      }
    }
    this.#writing = undefined;
  }

  async #append(lines: readonly string[]): Promise<void> {
    // A disk that was full may hold half of a line.
    const text = `${this.#isFailing ? '\n' : ''}${lines.join('\n')}\n`;
    const { path: file, maxSizeBytes } = this.#options;
    const size = await sizeOf(file);
    if (size > 0 && size + Buffer.byteLength(text) > maxSizeBytes) await this.#rotate();
    await appendFile(file, text);
  }

  async #rotate(): Promise<void> {
    const { path: file, maxBackups } = this.#options;
    const { dir, name, ext } = path.parse(file);
    const backup = (number: number) => (number === 0 ? file : path.join(dir, `${name}${number}${ext}`));
    if (maxBackups === 0) await rm(file);
    for (let number = maxBackups; number > 0; number -= 1) {
      if ((await sizeOf(backup(number - 1))) > 0) await rename(backup(number - 1), backup(number));
    }
  }

  #succeeded(): void {
    if (!this.#isFailing && this.#lost === 0) return;
    const lost = this.#lost;
    this.#isFailing = false;
    this.#lost = 0;
    this.#options.onRecovery(lost);
  }

  #failed(lines: number, error: unknown): void {
    this.#lost += lines;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.onFailure(error);
  }
}

/**
 * Makes the file and its folder where they are missing. A disk that is full now is none of its business: it may have
 * room later.
 * @throws PonosError FILE_UNWRITABLE
 */
export async function prepareLogFile(file: string): Promise<void> {
  try {
    await makeFolder(path.dirname(file), 0o750);
    await appendFile(file, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return;
    throw new PonosError('FILE_UNWRITABLE', {
      message: 'the log file cannot be written',
      facts: { path: file, reason: code },
      advice: 'Name another one in logging.file.path, or let the user of the node write there.',
      cause: error,
    });
  }
}

/** 0 for a file that is not there. */
async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
