import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { writeAside } from '../../../../src/operations/storage/write-aside.js';
import { each } from '../../../support/storage-stage.js';
import { withTemporaryFolder } from '../../../support/temporary-folder.js';

const text = (file: string) => readFile(file, 'utf8');

test('default: the file is there, private, and nothing beside it', async () => {
  await withTemporaryFolder(async (folder) => {
    const file = path.join(folder, 'backup');
    expect(await writeAside(file, each(['one ', Buffer.from('two')]), { overwrite: false })).toBe(7);
    expect(await text(file)).toBe('one two');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['backup']);
  });
});

test('behavior: what is checked is the whole file, before it has its name', async () => {
  await withTemporaryFolder(async (folder) => {
    const file = path.join(folder, 'backup');
    const seen: string[] = [];
    await writeAside(file, each(['content']), {
      overwrite: false,
      check: async (part) => void seen.push(await text(part), ...(await readdir(folder)).sort()),
    });
    expect(seen).toEqual(['content', 'backup.part', 'backup.part.lock']);
  });
});

test('behavior: what a killed process has left is taken over', async () => {
  await withTemporaryFolder(async (folder) => {
    const file = path.join(folder, 'backup');
    await writeFile(`${file}.part`, 'a longer half of something else');
    await writeFile(`${file}.part.lock`, '{"pid":4194305}');
    await writeAside(file, each(['new']), { overwrite: false });
    expect(await text(file)).toBe('new');
    expect(await readdir(folder)).toEqual(['backup']);
  });
});

describe('error: nothing is left, and an older file stays', () => {
  async function* failing() {
    yield 'half';
    throw new Error('the source broke');
  }

  test('when the source fails', async () => {
    await withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'backup');
      await writeFile(file, 'older');
      await expect(writeAside(file, failing(), { overwrite: true })).rejects.toThrow('the source broke');
      expect(await text(file)).toBe('older');
      expect(await readdir(folder)).toEqual(['backup']);
    });
  });

  test('when the check fails', async () => {
    await withTemporaryFolder(async (folder) => {
      const check = () => Promise.reject(new Error('not good'));
      const written = writeAside(path.join(folder, 'backup'), each(['x']), { overwrite: false, check });
      await expect(written).rejects.toThrow('not good');
      expect(await readdir(folder)).toEqual([]);
    });
  });

  test('when a file is there already', async () => {
    await withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'backup');
      await writeFile(file, 'older');
      const written = writeAside(file, each(['new']), { overwrite: false });
      await expect(written).rejects.toMatchObject({ code: 'FILE_EXISTS', facts: { file } });
      expect(await text(file)).toBe('older');
    });
  });

  test('when a link or a folder has the name, although a file may be overwritten', async () => {
    await withTemporaryFolder(async (folder) => {
      const [link, below] = [path.join(folder, 'stdout'), path.join(folder, 'below')];
      await symlink('/dev/null', link);
      await mkdir(below);
      for (const file of [link, below]) {
        await expect(writeAside(file, each(['new']), { overwrite: true })).rejects.toMatchObject({
          code: 'FILE_EXISTS',
          message: 'what has this name is no regular file',
        });
      }
      expect(await readlink(link)).toBe('/dev/null');
      expect((await readdir(folder)).sort()).toEqual(['below', 'stdout']);
    });
  });

  test('when the folder is missing', async () => {
    await withTemporaryFolder(async (folder) => {
      const written = writeAside(path.join(folder, 'missing', 'backup'), each(['x']), { overwrite: true });
      await expect(written).rejects.toMatchObject({ code: 'FILE_UNWRITABLE', facts: { reason: 'ENOENT' } });
      expect(await readdir(folder)).toEqual([]);
    });
  });
});
