/** A second set of a stopped database's files, made without copying what LevelDB never changes. */
import { constants, copyFile, link, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

/** Tables are written once and only ever deleted, so both sets may share them. */
const TABLE = /^\d+\.(ldb|sst)$/;
const DATABASE_FILE = /^(\d+\.(ldb|sst|log)|MANIFEST-\d+|CURRENT)$/;

/** Whether there is anything of a database in the directory. @throws errors of the file system, but for a missing directory */
export async function holdsDatabase(dir: string): Promise<boolean> {
  try {
    return (await readdir(dir)).some((name) => DATABASE_FILE.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** @param target must not be there @throws errors of the file system */
export async function copyDatabase(dir: string, target: string): Promise<void> {
  const names = (await readdir(dir)).filter((name) => DATABASE_FILE.test(name));
  await mkdir(target, { mode: 0o750 });
  for (const name of names) {
    const [from, to] = [path.join(dir, name), path.join(target, name)];
    if (TABLE.test(name)) await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE));
    else await copyFile(from, to, constants.COPYFILE_FICLONE);
  }
}

/** Runs the action on a copy in a folder below, which is gone afterwards; one that a killed process left goes first. */
export async function onCopy<T>(dir: string, action: (copy: string) => Promise<T>): Promise<T> {
  const copy = path.join(dir, 'verify');
  await rm(copy, { recursive: true, force: true });
  try {
    await copyDatabase(dir, copy);
    return await action(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
