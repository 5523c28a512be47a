/** A file that appears whole or not at all. */
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { PonosError } from '../../base/error.js';
import { acquireProcessLock } from '../../store/process-lock.js';

export interface WriteAsideOptions {
  readonly overwrite: boolean;
  /** Looks at what was written, by its path, before it gets its name; throws when that is not good. */
  readonly check?: (part: string) => Promise<void>;
}

/**
 * Writes `<file>.part` (0600), flushes it, and gives it its name once all of it is there. What a process that was
 * killed has left is taken over by the next one that writes the same file.
 * @returns the number of bytes
 * @throws PonosError FILE_EXISTS without `overwrite`, and for what is no regular file; FILE_UNWRITABLE, and whatever `chunks` and `check` throw
 */
export async function writeAside(
  file: string,
  chunks: AsyncIterable<Uint8Array | string>,
  { overwrite, check }: WriteAsideOptions,
): Promise<number> {
  const part = `${file}.part`;
  const fail = (cause: unknown) => {
    throw unwritable(file, cause);
  };
  const lock = await acquireProcessLock(`${part}.lock`, 'the file that is to be written').catch(fail);
  try {
    await refuseExisting(file, overwrite).catch(fail);
    await rm(part, { force: true }).catch(fail);
    const handle = await open(part, 'wx', 0o600).catch(fail);
    const bytes = await writeAll(handle, chunks, fail);
    await check?.(part);
    await rename(part, file).catch(fail);
    await syncFolder(path.dirname(file)).catch(fail);
    return bytes;
  } finally {
    await rm(part, { force: true });
    await lock.release();
  }
}

async function writeAll(
  handle: FileHandle,
  chunks: AsyncIterable<Uint8Array | string>,
  fail: (cause: unknown) => never,
): Promise<number> {
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      await handle.writeFile(data).catch(fail);
      bytes += data.length;
    }
    await handle.sync().catch(fail);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Makes names in it last through a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A device or a link like /dev/stdout would be replaced by a file, for everybody on the machine. */
async function refuseExisting(file: string, overwrite: boolean): Promise<void> {
  const found = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined || (overwrite && found.isFile())) return;
  throw new PonosError('FILE_EXISTS', {
    message: found.isFile() ? 'a file of this name exists already' : 'what has this name is no regular file',
    facts: { file },
    advice: found.isFile() ? 'Name another file, or overwrite it with --force.' : 'Name another file.',
  });
}

function unwritable(file: string, cause: unknown): PonosError {
  if (cause instanceof PonosError) return cause;
  return new PonosError('FILE_UNWRITABLE', {
    message: 'the file cannot be written',
    facts: { file: path.resolve(file), reason: (cause as NodeJS.ErrnoException).code },
    advice: 'Check that its folder is there, that it may be written to, and that there is room.',
    cause,
  });
}
