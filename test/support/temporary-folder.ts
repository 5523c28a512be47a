/** A folder of its own for a test. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'ponos-test-'));
  return { path: folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Gives the action the path of a folder that is gone afterwards. */
export async function withTemporaryFolder<T>(action: (folder: string) => Promise<T>): Promise<T> {
  const folder = await temporaryFolder();
  try {
    return await action(folder.path);
  } finally {
    await folder.remove();
  }
}
