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

/**
 * Runs the action on a copy in a folder below, which is gone afterwards; one that a killed process left goes first.
 * Whoever has the database open keeps the copy from being opened, and the other way round.
 */
export async function onCopy<T>(dir: string, action: (copy: string) => Promise<T>): Promise<T> {
  const copy = path.join(dir, 'verify');
  await rm(copy, { recursive: true, force: true });
  try {
    await copyDatabase(dir, copy);
    await shareLock(dir, copy);
    return await action(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/**
 * LevelDB's lock belongs to the file, by whichever of its names. It tells of a process in another container, too, where
 * pids say nothing; that one's files would change while they are copied, and the copy would look damaged.
 */
async function shareLock(dir: string, copy: string): Promise<void> {
  try {
    await link(path.join(dir, 'LOCK'), path.join(copy, 'LOCK'));
  } catch (error) {
    // None was ever made, or the file system has no hard links: then there is only our own lock.
    if (!NO_LINK.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

const NO_LINK = new Set(['ENOENT', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK']);
