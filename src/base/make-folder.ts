/** Making a folder and those above it. */
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Like `mkdir` with `recursive`, which on Node 20 never returns where the system answers ENOENT for a folder whose
 * parent is there, as /proc does.
 * @param mode of each folder that is made, less the umask
 * @returns whether the folder was made
 * @throws the error of the file system; EEXIST when something else is in the way
 */
export async function makeFolder(folder: string, mode: number): Promise<boolean> {
  if (await makeOne(folder, mode, 'parent may be missing')) return true;
  if (await isFolder(folder)) return false;
  await makeFolder(path.dirname(path.resolve(folder)), mode);
  return makeOne(folder, mode, 'parent is there');
}

/** False when it is there already, and when its parent may be missing and is. */
async function makeOne(
  folder: string,
  mode: number,
  parent: 'parent may be missing' | 'parent is there',
): Promise<boolean> {
  try {
    await mkdir(folder, { mode });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await isFolder(folder))) return false;
    if (code === 'ENOENT' && parent === 'parent may be missing') return false;
    throw error;
  }
}

async function isFolder(folder: string): Promise<boolean> {
  return stat(folder).then(
    (status) => status.isDirectory(),
    () => false, // whatever it is, it is no folder; the caller has the error that matters
  );
}
