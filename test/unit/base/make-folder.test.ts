import { mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { makeFolder } from '../../../src/base/make-folder.js';
import { withTemporaryFolder } from '../../support/temporary-folder.js';

const isFolder = async (folder: string) => (await stat(folder)).isDirectory();

describe('makeFolder', () => {
  test('behavior: makes the folders above it too, and says so', async () => {
    await withTemporaryFolder(async (folder) => {
      const deep = path.join(folder, 'a', 'b', 'c');
      expect(await makeFolder(deep, 0o700)).toBe(true);
      expect(await isFolder(deep)).toBe(true);
      expect((await stat(deep)).mode & 0o777).toBe(0o700);
    });
  });

  test('behavior: a folder that is there is left as it is', async () => {
    await withTemporaryFolder(async (folder) => {
      const there = path.join(folder, 'there');
      await mkdir(there, { mode: 0o750 });
      expect(await makeFolder(there, 0o700)).toBe(false);
      expect((await stat(there)).mode & 0o777).toBe(0o750);
    });
  });

  test.each([
    ['itself', [], 'EEXIST'],
    ['a folder above it', ['b'], 'ENOTDIR'],
    ['one further up', ['b', 'c'], 'ENOTDIR'],
  ])('error: a file in the place of %s', async (_name, below, code) => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(path.join(folder, 'file'), '');
      await expect(makeFolder(path.join(folder, 'file', ...below), 0o700)).rejects.toMatchObject({ code });
    });
  });

  test('error: where the system makes no folders, soon', async () => {
    await expect(makeFolder('/proc/ponos/keys', 0o700)).rejects.toMatchObject({ code: expect.any(String) });
  }, 5_000);
});
