import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { explain } from '../../../src/base/error.js';
import { type AddonHost, addonFolders, loadNativeAddon } from '../../../src/store/native-addon.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const BYTES = Buffer.from('the bytes of a shared library');
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const FILES = [{ sha256: SHA256, brotliBase64: brotliCompressSync(BYTES).toString('base64') }];
const FILE_NAME = `level-${SHA256}.node`;

let temporary: TemporaryFolder;

beforeEach(async () => {
  temporary = await temporaryFolder();
});
afterEach(() => temporary.remove());

const folder = (name: string) => path.join(temporary.path, name);

/** Opening gives back what the file holds; folders in `noexec` refuse, as the system does for mounts with that flag. */
function load(folders: readonly string[], change: Partial<AddonHost> & { noexec?: string[] } = {}) {
  const opened: string[] = [];
  const host: AddonHost = {
    platform: 'linux-x64',
    folders,
    userId: process.getuid?.(),
    open: (file) => {
      if (change.noexec?.includes(path.dirname(file))) {
        throw Object.assign(new Error(`${file}: failed to map segment`), { code: 'ERR_DLOPEN_FAILED' });
      }
      opened.push(file);
      return fs.readFileSync(file, 'utf8');
    },
    ...change,
  };
  return { addon: () => loadNativeAddon('level', { 'linux-x64': 0 }, FILES, host), opened };
}

describe('loadNativeAddon', () => {
  test('default: the first folder, made for this user alone, with nothing else in it', () => {
    const { addon, opened } = load([folder('a'), folder('b')]);
    expect(addon()).toBe(BYTES.toString());
    expect(opened).toEqual([path.join(folder('a'), FILE_NAME)]);
    expect(fs.readdirSync(folder('a'))).toEqual([FILE_NAME]);
    expect(fs.statSync(folder('a')).mode & 0o777).toBe(0o700);
    expect(fs.existsSync(folder('b'))).toBe(false);
  });

  test('behavior: a file that is there is used, not written again', () => {
    load([folder('a')]).addon();
    const before = fs.statSync(path.join(folder('a'), FILE_NAME));
    expect(load([folder('a')]).addon()).toBe(BYTES.toString());
    expect(fs.statSync(path.join(folder('a'), FILE_NAME)).ino).toBe(before.ino);
  });

  test.each([
    ['changed', (file: string) => fs.writeFileSync(file, 'something else')],
    ['cut off', (file: string) => fs.writeFileSync(file, BYTES.subarray(0, 3))],
    [
      'swapped for a link',
      (file: string) => {
        fs.writeFileSync(folder('original'), BYTES);
        fs.symlinkSync(folder('original'), file);
      },
    ],
  ])('behavior: a file that was %s is never opened; it is written again', (_name, tamper) => {
    const file = path.join(folder('a'), FILE_NAME);
    load([folder('a')]).addon();
    fs.rmSync(file);
    tamper(file);
    expect(load([folder('a')]).addon()).toBe(BYTES.toString());
    expect(fs.lstatSync(file).isFile()).toBe(true);
    expect(fs.readFileSync(file)).toEqual(BYTES);
  });

  test.each([
    ['is a file', () => fs.writeFileSync(folder('a'), '')],
    [
      'is below a file',
      () => {
        fs.writeFileSync(folder('file'), '');
        fs.symlinkSync(path.join(folder('file'), 'x'), folder('a'));
      },
    ],
    [
      'can be written by the group',
      () => {
        fs.mkdirSync(folder('a'));
        fs.chmodSync(folder('a'), 0o770);
      },
    ],
    [
      'can be written by all',
      () => {
        fs.mkdirSync(folder('a'));
        fs.chmodSync(folder('a'), 0o1777);
      },
    ],
    [
      'is a link to a folder',
      () => {
        fs.mkdirSync(folder('elsewhere'));
        fs.symlinkSync(folder('elsewhere'), folder('a'));
      },
    ],
  ])('behavior: a folder that %s is passed over', (_name, spoil) => {
    spoil();
    const { addon, opened } = load([folder('a'), folder('b')]);
    expect(addon()).toBe(BYTES.toString());
    expect(opened).toEqual([path.join(folder('b'), FILE_NAME)]);
  });

  test('behavior: a folder of another user is passed over', () => {
    fs.mkdirSync(folder('a'), { mode: 0o700 });
    const { addon } = load([folder('a')], { userId: (process.getuid?.() ?? 0) + 1 });
    expect(addon).toThrow(expect.objectContaining({ code: 'FILE_UNWRITABLE' }));
  });

  test('behavior: where nothing can be run (noexec), the next folder is taken', () => {
    const { addon, opened } = load([folder('a'), folder('b')], { noexec: [folder('a')] });
    expect(addon()).toBe(BYTES.toString());
    expect(opened).toEqual([path.join(folder('b'), FILE_NAME)]);
  });

  test('error: no folder is left: one sentence that names each, and what to set', () => {
    fs.writeFileSync(folder('file'), '');
    const { addon } = load([path.join(folder('file'), 'x'), folder('b')], { noexec: [folder('b')] });
    const error = failureOf(addon);
    expect(error).toMatchObject({
      code: 'FILE_UNWRITABLE',
      advice: expect.stringContaining('PONOS_CACHE_DIR'),
    });
    expect(explain(error)).toContain(`${path.join(folder('file'), 'x')}: ENOTDIR`);
    expect(explain(error)).toContain(`${folder('b')}: `);
    expect(explain(error)).not.toContain('\n');
  });

  test('error: a platform that is not carried', () => {
    expect(failureOf(load([folder('a')], { platform: 'sunos-sparc' }).addon)).toMatchObject({
      code: 'NOT_BUILT_YET',
      facts: { available: 'linux-x64' },
    });
  });

  test('error: a fault in the library itself is not taken for one of the folder', () => {
    const broken = new Error('undefined symbol: napi_nonsense');
    const { addon } = load([folder('a'), folder('b')], {
      open: () => {
        throw broken;
      },
    });
    expect(failureOf(addon)).toBe(broken);
  });
});

describe('addonFolders', () => {
  test('default: the named ones in their order, then folders of temporary files', () => {
    const env = {
      PONOS_CACHE_DIR: '/cache',
      PONOS_DATA_DIR: '/data',
      XDG_CACHE_HOME: '/xdg',
      HOME: '/home/me',
      XDG_RUNTIME_DIR: '/run/me',
    };
    expect(addonFolders(env, '/tmp')).toEqual([
      '/cache',
      '/data/.lib',
      '/xdg/ponos',
      '/home/me/.cache/ponos',
      '/run/me/ponos',
      expect.stringMatching(/^\/tmp\/ponos-\w+$/),
      expect.stringMatching(/^\/dev\/shm\/ponos-\w+$/),
    ]);
  });

  test('behavior: what is not set, or empty, is left out', () => {
    expect(addonFolders({ HOME: '', PONOS_CACHE_DIR: undefined }, '/tmp')).toHaveLength(2);
  });
});

function failureOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
