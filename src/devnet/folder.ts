/** The folder of a devnet: made, emptied, and told from folders with something else in them. */
import fs from 'node:fs';
import path from 'node:path';
import { PonosError } from '../base/error.js';

/** What a devnet and its nodes write; nodes' logs are those of the demo. */
const OURS = /^((L1|L2)\.log|(aggregator|executor-\d+)\.(yaml|log)|devnet\.json|keys|data)$/;
/** Written first, and left by every devnet that was in the folder. */
const MARK = 'L1.log';

/**
 * Makes the folder, and removes what nodes stored about the chains of a former devnet: new ones know nothing of it.
 * @throws PonosError DEVNET_FAILED when it holds something else, which would be overwritten; FILE_UNWRITABLE
 */
export function prepareFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const names = fs.readdirSync(folder);
    if (names.length > 0 && !names.includes(MARK)) {
      throw new PonosError('DEVNET_FAILED', {
        message: `${folder} is not empty, and holds no devnet`,
        advice: 'Name a folder of its own with --dir.',
      });
    }
    fs.rmSync(path.join(folder, 'data'), { recursive: true, force: true });
    fs.accessSync(folder, fs.constants.W_OK);
  } catch (cause) {
    if (cause instanceof PonosError) throw cause;
    throw new PonosError('FILE_UNWRITABLE', { message: `cannot write to ${folder}`, cause });
  }
}

/** Removes what a devnet has written, and the folder itself when nothing else is in it. */
export function purgeFolder(folder: string): void {
  for (const name of fs.readdirSync(folder)) {
    if (OURS.test(name)) fs.rmSync(path.join(folder, name), { recursive: true, force: true });
  }
  if (fs.readdirSync(folder).length === 0) fs.rmdirSync(folder);
}
