import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { prepareFolder, purgeFolder } from '../../../src/devnet/folder.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const OURS = ['L1.log', 'L2.log', 'aggregator.yaml', 'devnet.json', 'executor-1.yaml', 'executor-12.yaml'];

let home: TemporaryFolder;
let folder: string;
beforeEach(async () => {
  home = await temporaryFolder();
  folder = path.join(home.path, 'devnet');
});
afterEach(() => home.remove());

function write(...names: string[]): void {
  for (const name of names) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, '');
  }
}

describe('prepareFolder', () => {
  test('default: a folder that is missing is made, for its owner only', () => {
    prepareFolder(folder);
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
    prepareFolder(folder);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('behavior: of a former devnet, what its nodes stored goes', () => {
    write(...OURS, 'data/executor-1/CURRENT', 'keys/user.pri');
    prepareFolder(folder);
    expect(fs.readdirSync(folder)).toEqual([...OURS, 'keys'].sort());
  });

  test.each([['data/of-somebody'], ['aggregator.yaml'], ['notes.txt']])(
    'error: a folder with %s that was no devnet; it stays as it is',
    (name) => {
      write(name);
      expect(() => prepareFolder(folder)).toThrow(expect.objectContaining({ code: 'DEVNET_FAILED' }));
      expect(fs.existsSync(path.join(folder, name))).toBe(true);
    },
  );

  test('error: a file in its place', () => {
    fs.writeFileSync(folder, '');
    expect(() => prepareFolder(folder)).toThrow(expect.objectContaining({ code: 'FILE_UNWRITABLE' }));
  });
});

describe('purgeFolder', () => {
  test('default: nothing is left', () => {
    write(...OURS, 'executor-1.log', 'data/executor-1/CURRENT', 'keys/user.pri');
    purgeFolder(folder);
    expect(fs.existsSync(folder)).toBe(false);
  });

  test('behavior: what somebody else has put there stays', () => {
    write(...OURS, 'executor.yaml', 'src/index.ts');
    purgeFolder(folder);
    expect(fs.readdirSync(folder).sort()).toEqual(['executor.yaml', 'src']);
  });
});
