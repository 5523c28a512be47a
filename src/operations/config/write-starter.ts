/** Writes the starter file, and never over another file by accident. */
import { writeFile } from 'node:fs/promises';
import { PonosError } from '../../base/error.js';
import type { Role } from '../../config/role.js';
import { renderStarter } from './starter.js';

/** Mode 0600: private keys may come to stand in it. @throws PonosError FILE_EXISTS, FILE_UNWRITABLE */
export async function writeStarter(role: Role, path: string, { force }: { force: boolean }): Promise<void> {
  try {
    await writeFile(path, renderStarter(role), { mode: 0o600, flag: force ? 'w' : 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new PonosError('FILE_EXISTS', {
        message: `${path} exists already`,
        advice: 'Choose another --output, or give --force to overwrite it.',
      });
    }
    throw new PonosError('FILE_UNWRITABLE', { message: `${path} cannot be written`, cause });
  }
}
