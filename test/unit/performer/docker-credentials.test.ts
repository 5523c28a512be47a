import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { explain } from '../../../src/base/error.js';
import { readCredentials } from '../../../src/performer/docker-credentials.js';
import { withTemporaryFolder } from '../../support/temporary-folder.js';

const never = new AbortController().signal;

/** @param helper the text of a shell program */
function read(config: string | undefined, helper?: string) {
  return withTemporaryFolder(async (folder) => {
    if (config !== undefined) writeFileSync(path.join(folder, 'config.json'), config);
    if (helper !== undefined) {
      writeFileSync(path.join(folder, 'docker-credential-test'), `#!/bin/sh\n${helper}\n`, { mode: 0o755 });
    }
    const processEnv = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env.PATH}` };
    const found = await readCredentials('ghcr.io', { processEnv, helperTimeoutMs: 2_000 }, never);
    return found?.reveal();
  });
}

const WITH_HELPER = '{"credsStore":"test"}';

describe('readCredentials', () => {
  test('default: no file is no login', async () => {
    expect(await read(undefined)).toBeUndefined();
  });

  test('behavior: a helper that does not know the registry is no login', async () => {
    const helper = 'echo "credentials not found in native keychain"; exit 1';
    expect(await read(WITH_HELPER, helper)).toBeUndefined();
  });

  test('behavior: a helper may end without reading what it is asked', async () => {
    const helper = `exec echo '{"Username":"me","Secret":"x"}'`;
    expect(await read(WITH_HELPER, helper)).toMatchObject({ username: 'me', password: 'x' });
  });

  test.each<[string, string, string | undefined, RegExp]>([
    ['a file that is no JSON', '{"auths": sesame', undefined, /not JSON/],
    ['a helper that is not installed', '{"credsStore":"ponos-none"}', undefined, /is not installed/],
    ['a helper that fails', WITH_HELPER, 'echo sesame; echo sesame >&2; exit 3', /failed with 3/],
    ['a helper that answers nonsense', WITH_HELPER, 'echo sesame', /not JSON/],
    ['a helper whose child holds on', WITH_HELPER, 'sleep 600', /did not answer within 2 seconds/],
    ['a helper that never stops', WITH_HELPER, 'yes sesame', /failed with ERR_CHILD_PROCESS_STDIO_MAXBUFFER/],
  ])('error: %s, and nothing of what it says is repeated', async (_name, config, helper, expected) => {
    const error = await read(config, helper).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', advice: expect.stringContaining('docker login') });
    expect(explain(error)).toMatch(expected);
    expect(explain(error)).not.toContain('sesame');
  });

  test('error: a file that cannot be read', async () => {
    await withTemporaryFolder(async (folder) => {
      const processEnv = { DOCKER_CONFIG: path.join(folder, 'file') };
      writeFileSync(processEnv.DOCKER_CONFIG, '');
      await expect(readCredentials('ghcr.io', { processEnv }, never)).rejects.toMatchObject({
        code: 'FILE_UNREADABLE',
      });
    });
  });
});
