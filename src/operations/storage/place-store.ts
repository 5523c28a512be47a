/** A store that appears whole or not at all. */
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { PonosError } from '../../base/error.js';
import { makeFolder } from '../../base/make-folder.js';
import type { Entry, WriteOperation } from '../../store/key-value-store.js';
import { openLevelStore } from '../../store/level-store.js';
import { acquireProcessLock } from '../../store/process-lock.js';
import { storeError } from '../../store/store-error.js';
import { syncFolder } from './write-aside.js';

/** Records that are written at once: a synced write each would cost more than the records. */
const BATCH_BYTES = 1024 * 1024;

/**
 * Makes the store beside the directory, in `<dir>.part`, and gives it its name once all records are in it. What a
 * process that was killed has left is taken away by the next one.
 * @param dir is missing or empty
 * @throws PonosError FILE_EXISTS when it is not empty, FILE_UNWRITABLE, STORE_LOCKED when another process does the
 *   same, STORE_UNAVAILABLE, and whatever `entries` throws
 */
export async function placeStore(dir: string, entries: AsyncIterable<Entry>): Promise<void> {
  const target = path.resolve(dir);
  const part = `${target}.part`;
  const wrap = (error: unknown) => {
    throw storeError(error, target);
  };
  await refuseContent(target).catch(wrap);
  await makeFolder(path.dirname(target), 0o750).catch(wrap);
  const lock = await acquireProcessLock(`${part}.lock`, 'the new storage directory').catch(wrap);
  try {
    await rm(part, { recursive: true, force: true }).catch(wrap);
    await fill(part, entries);
    await rename(part, target).catch((error: NodeJS.ErrnoException) => {
      throw cannotPlace(error, target);
    });
    await syncFolder(path.dirname(target)).catch(wrap);
  } finally {
    await rm(part, { recursive: true, force: true });
    await lock.release();
  }
}

async function fill(dir: string, entries: AsyncIterable<Entry>): Promise<void> {
  const store = await openLevelStore({ dir, syncWrites: true });
  try {
    let operations: WriteOperation[] = [];
    let bytes = 0;
    for await (const { key, value } of entries) {
      operations.push({ type: 'put', key, value });
      bytes += key.length + value.length;
      if (bytes < BATCH_BYTES) continue;
      await store.batch(operations);
      operations = [];
      bytes = 0;
    }
    if (operations.length > 0) await store.batch(operations);
  } finally {
    await store.close();
  }
}

/** @throws PonosError FILE_EXISTS */
export async function refuseContent(dir: string): Promise<void> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw storeError(error, dir);
  });
  const [found] = names;
  if (found === undefined) return;
  throw new PonosError('FILE_EXISTS', {
    message: 'the storage directory is not empty',
    facts: { dir, found },
    advice: 'Name another directory, or move this one away; nothing is ever overwritten.',
  });
}

function cannotPlace(error: NodeJS.ErrnoException, dir: string): PonosError {
  if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') {
    return new PonosError('FILE_EXISTS', {
      message: 'something was put into the storage directory meanwhile',
      facts: { dir },
      cause: error,
    });
  }
  if (error.code === 'EBUSY' || error.code === 'EXDEV') {
    return new PonosError('FILE_UNWRITABLE', {
      message: 'the storage directory is a mount point, which cannot be put in place in one step',
      facts: { dir },
      advice: 'Name a directory below it, and set that one in the configuration.',
      cause: error,
    });
  }
  return storeError(error, dir);
}
