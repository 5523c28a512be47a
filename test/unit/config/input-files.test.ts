import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { loadConfig } from '../../../src/config/load.js';
import { changed, EXECUTOR_YAML } from '../../support/config-text.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('behavior: a relative file is looked up in the working directory, then beside the configuration', async () => {
  const folder = await temporaryFolder();
  try {
    await mkdir(join(folder.path, 'keys'));
    await writeFile(join(folder.path, 'keys/beside.json'), '{}');
    await writeFile(join(folder.path, 'package.json'), '{}');
    const file = join(folder.path, 'node.yaml');
    const locate = async (path: string) => {
      await writeFile(file, changed(EXECUTOR_YAML, 'ecdsa:', `bls: {keystoreFile: "${path}"}\n    ecdsa:`));
      return (await loadConfig('executor', { file, env: {} })).config.operator.signingKeys.bls?.keystoreFile;
    };
    expect(await locate('keys/beside.json')).toBe(join(folder.path, 'keys/beside.json'));
    // In both places: the working directory wins, as with the Go node.
    expect(await locate('package.json')).toBe(resolve('package.json'));
    // In neither: the name that an error should show.
    expect(await locate('nowhere.json')).toBe(resolve('nowhere.json'));
    expect(await locate('/abs/k.json')).toBe('/abs/k.json');
  } finally {
    await folder.remove();
  }
});
