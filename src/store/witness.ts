/**
 * A small file beside the database with the number of its last batch. The end of a damaged log takes the ledger with
 * it, and what remains is sound but older; only something outside can tell.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { constants, type FileHandle, open, readFile } from 'node:fs/promises';
import path from 'node:path';

export const WITNESS_FILE = 'ponos.sequence';

/** What the file says; `damaged` when it does not have its checksum, `missing` when it is not there. */
export type Testimony = number | 'missing' | 'damaged';

export interface Witness {
  /** Overwrites the number. Left to the operating system: a power cut may take it back, which raises no alarm. */
  record(sequence: number): Promise<void>;
  close(): Promise<void>;
}

/** The file is made at the first number. @returns a witness; its methods throw errors of the file system */
export function createWitness(dir: string): Witness {
  const file = path.join(dir, WITNESS_FILE);
  let handle: FileHandle | undefined;
  return {
    async record(sequence) {
      handle ??= await open(file, constants.O_RDWR | constants.O_CREAT, 0o640);
      // Always of the same length: there is never half of a new one behind an old one, nor need for more space.
      // Some microseconds into the system's cache; a thread would cost a batch ten times that.
      writeSync(handle.fd, encode(sequence), 0);
    },
    async close() {
      await handle?.close();
      handle = undefined;
    },
  };
}

/** @throws errors of the file system other than ENOENT */
export async function readTestimony(dir: string): Promise<Testimony> {
  let text: string;
  try {
    text = await readFile(path.join(dir, WITNESS_FILE), 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'missing';
    throw error;
  }
  const sequence = Number.parseInt(text.slice(0, DIGITS), 16);
  return Number.isSafeInteger(sequence) && sequence >= 0 && text === encode(sequence) ? sequence : 'damaged';
}

const DIGITS = 16;

function encode(sequence: number): string {
  const digits = sequence.toString(16).padStart(DIGITS, '0');
  return `${digits} ${createHash('sha256').update(digits).digest('hex').slice(0, DIGITS)}\n`;
}
