/** Several files at once: all of them or none, each complete, none over an older one unless asked for. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { PonosError } from '../../base/error.js';
import { makeFolder } from '../../base/make-folder.js';

export interface NewFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** 0o600 for what is secret. */
  readonly mode: number;
}

/**
 * Writes the files into the folder, making it (0700) if it is missing. Each is written aside, flushed, and moved
 * into place in the order given.
 * @returns their absolute paths, in that order
 * @throws PonosError FILE_EXISTS without `overwrite`, FILE_UNWRITABLE
 */
export async function writeFiles(
  folder: string,
  files: readonly NewFile[],
  options: { readonly overwrite: boolean },
): Promise<string[]> {
  const targets = files.map((file) => path.resolve(folder, file.name));
  const asides = targets.map((target) => `${target}.${randomUUID()}.tmp`);
  const placed: string[] = [];
  try {
    await makeFolder(folder, 0o700);
  } catch (error) {
    throw asPonosError(error, folder);
  }
  try {
    if (!options.overwrite) for (const target of targets) await refuseExisting(target);
    for (const [index, file] of files.entries()) await writeAside(asides[index] ?? '', file);
    for (const [index, target] of targets.entries()) {
      const aside = asides[index] ?? '';
      if (options.overwrite) await rename(aside, target);
      // Unlike a rename, a link fails where a file has appeared in the meantime.
      else await link(aside, target);
      placed.push(target);
    }
    return targets;
  } catch (error) {
    if (!options.overwrite) await removeAll(placed);
    throw asPonosError(error, folder);
  } finally {
    await removeAll(asides);
  }
}

async function writeAside(aside: string, file: NewFile): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(aside, 'wx', file.mode);
    await handle.writeFile(file.content);
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

async function refuseExisting(target: string): Promise<void> {
  const found = await lstat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found !== undefined) throw fileExists(target);
}

async function removeAll(files: readonly string[]): Promise<void> {
  for (const file of files) await rm(file, { force: true });
}

function asPonosError(error: unknown, folder: string): PonosError {
  if (error instanceof PonosError) return error;
  const { code, dest } = error as NodeJS.ErrnoException & { dest?: string };
  if (code === 'EEXIST' && dest !== undefined) return fileExists(dest);
  return new PonosError('FILE_UNWRITABLE', {
    message: 'a key cannot be written',
    facts: { folder: path.resolve(folder), reason: code },
    advice: 'Name a folder that you may write to with --output-dir.',
    cause: error,
  });
}

function fileExists(file: string): PonosError {
  return new PonosError('FILE_EXISTS', {
    message: 'a file of this name exists already, and a lost key cannot be made again',
    facts: { file },
    advice: 'Choose another --output-dir or --file-prefix, or overwrite it with --force.',
  });
}
