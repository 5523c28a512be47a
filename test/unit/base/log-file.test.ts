import { readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LogFile, prepareLogFile } from '../../../src/base/log-file.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

let folder: TemporaryFolder;
let told: string[];
beforeEach(async () => {
  folder = await temporaryFolder();
  told = [];
});
afterEach(() => folder.remove());

const pathOf = (name: string) => path.join(folder.path, name);
const read = (name: string) => readFile(pathOf(name), 'utf8');

function open(limits: { maxSizeBytes?: number; maxBackups?: number } = {}): LogFile {
  return new LogFile({
    path: pathOf('node.log'),
    maxSizeBytes: 1_000_000,
    maxBackups: 2,
    ...limits,
    onFailure: (error) => told.push(String((error as NodeJS.ErrnoException).code)),
    onRecovery: (lost) => told.push(`lost ${lost}`),
  });
}

describe('LogFile', () => {
  test('default: lines come after those that are there, in order', async () => {
    await writeFile(pathOf('node.log'), 'before\n');
    const file = open();
    for (let line = 0; line < 250; line += 1) file.write(String(line));
    await file.close();
    const lines = Array.from({ length: 250 }, (_, line) => String(line));
    expect(await read('node.log')).toBe(`before\n${lines.join('\n')}\n`);
  });

  test('behavior: a full file makes room, and so many former ones are kept', async () => {
    const file = open({ maxSizeBytes: 10 });
    for (const line of ['first', 'second', 'third', 'fourth']) {
      file.write(line);
      await file.close();
    }
    expect((await readdir(folder.path)).sort()).toEqual(['node.log', 'node1.log', 'node2.log']);
    expect(await Promise.all(['node2.log', 'node1.log', 'node.log'].map(read))).toEqual([
      'second\n',
      'third\n',
      'fourth\n',
    ]);
  });

  test('behavior: without former ones, the file begins anew', async () => {
    const file = open({ maxSizeBytes: 10, maxBackups: 0 });
    for (const line of ['first', 'second']) {
      file.write(line);
      await file.close();
    }
    expect(await readdir(folder.path)).toEqual(['node.log']);
    expect(await read('node.log')).toBe('second\n');
  });

  test('behavior: a disk without room is told of once, and used again when it has some', async () => {
    await symlink('/dev/full', pathOf('node.log'));
    const file = open();
    for (const line of ['1', '2', '3']) {
      file.write(line);
      await file.close();
    }
    expect(told).toEqual(['ENOSPC']);
    await rename(pathOf('node.log'), pathOf('full'));
    file.write('4');
    await file.close();
    expect(told).toEqual(['ENOSPC', 'lost 3']);
    expect(await read('node.log')).toBe('\n4\n');
  });

  test('behavior: what a disk is too slow for is left out', async () => {
    const file = open();
    for (let line = 0; line < 10_200; line += 1) file.write('x');
    await file.close();
    // The first was on its way.
    expect(told).toEqual(['lost 199']);
    expect((await read('node.log')).split('\n')).toHaveLength(10_002);
  });
});

describe('prepareLogFile', () => {
  test('default: it is there afterwards, with its folders, and what was in it', async () => {
    await prepareLogFile(pathOf('logs/node/node.log'));
    expect(await read('logs/node/node.log')).toBe('');
    await writeFile(pathOf('node.log'), 'before\n');
    await prepareLogFile(pathOf('node.log'));
    expect(await read('node.log')).toBe('before\n');
  });

  test.each([
    ['a folder', '.', 'EISDIR'],
    ['in a file', 'file/node.log', 'EEXIST'],
    ['where nobody makes folders', '/proc/x/y.log', 'ENOENT'],
  ])('error: %s', async (_case, name, reason) => {
    await writeFile(pathOf('file'), '');
    const file = path.resolve(folder.path, name);
    await expect(prepareLogFile(file)).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
      facts: { path: file, reason },
      advice: expect.stringContaining('logging.file.path'),
    });
  });
});
