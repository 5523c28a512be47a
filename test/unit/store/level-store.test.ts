import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type LevelStoreOptions, openLevelStore } from '../../../src/store/level-store.js';
import { describeKeyValueStore } from '../../support/store-contract.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

describeKeyValueStore('LevelDB', async () => {
  const folder = await temporaryFolder();
  return {
    store: await openLevelStore({ dir: folder.path, syncWrites: false }),
    dispose: () => folder.remove(),
  };
});

describe('openLevelStore', () => {
  let folder: TemporaryFolder;
  let options: LevelStoreOptions;

  beforeEach(async () => {
    folder = await temporaryFolder();
    options = { dir: path.join(folder.path, 'a', 'b'), syncWrites: true };
  });
  afterEach(() => folder.remove());

  test('behavior: what was written is there after closing and opening again', async () => {
    const first = await openLevelStore(options);
    await first.batch([{ type: 'put', key: 'k', value: Uint8Array.of(1, 2) }]);
    await first.close();
    const second = await openLevelStore(options);
    expect(Array.from((await second.get('k')) ?? [])).toEqual([1, 2]);
    await second.close();
  });

  test('behavior: the folder is made closed to others, and the lock leaves with the store', async () => {
    const umask = process.umask();
    const store = await openLevelStore(options);
    await store.batch([{ type: 'put', key: 'k', value: Uint8Array.of(1) }]);
    expect((await stat(options.dir)).mode & 0o027).toBe(0);
    for (const name of ['ponos.lock', 'ponos.sequence'])
      expect((await stat(path.join(options.dir, name))).mode & 0o027).toBe(0);
    // What concerns the whole process is for who starts it to say.
    expect(process.umask()).toBe(umask);
    expect(await readdir(options.dir)).toContain('ponos.lock');
    await store.close();
    expect(await readdir(options.dir)).not.toContain('ponos.lock');
  });

  /** Folders in place of LevelDB's next tables: writing them fails, and with it every later write of this opening. */
  async function obstructTables(): Promise<readonly string[]> {
    const obstacles = Array.from({ length: 60 }, (_, index) =>
      path.join(options.dir, `${String(index + 4).padStart(6, '0')}.ldb`),
    );
    for (const obstacle of obstacles) await mkdir(obstacle);
    return obstacles;
  }

  async function fill(write: (key: string) => Promise<void>): Promise<void> {
    for (let index = 0; index < 1_000; index++) await write(`k${index}`);
  }

  test('error: after a failed write it is opened anew, and nothing that was acknowledged is lost', async () => {
    const store = await openLevelStore({ ...options, writeBufferSizeBytes: 64 * 1024 });
    const acknowledged: string[] = [];
    const write = async (key: string) => {
      await store.batch([{ type: 'put', key, value: new Uint8Array(40_000) }]);
      acknowledged.push(key);
    };
    const obstacles = await obstructTables();
    await expect(fill(write)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    for (const obstacle of obstacles) await rmdir(obstacle);
    await write('after');
    await store.close();

    const again = await openLevelStore(options);
    for (const key of acknowledged) expect(await again.get(key)).toHaveLength(40_000);
    await again.close();
  });

  test('error: opening it anew can fail, too; then reading opens it as soon as that is possible', async () => {
    const store = await openLevelStore({ ...options, writeBufferSizeBytes: 64 * 1024 });
    await store.batch([{ type: 'put', key: 'first', value: Uint8Array.of(1) }]);
    const obstacles = await obstructTables();
    const write = (key: string) => store.batch([{ type: 'put', key, value: new Uint8Array(40_000) }]);
    await expect(fill(write)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    for (const obstacle of obstacles) await rmdir(obstacle);
    // Not left to what of its log LevelDB has to write again: without this file there is no opening.
    const [current, aside] = [path.join(options.dir, 'CURRENT'), path.join(folder.path, 'CURRENT')];
    await rename(current, aside);
    await mkdir(current);
    const unavailable = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('cannot be used') };
    await expect(store.batch([{ type: 'delete', key: 'x' }])).rejects.toMatchObject(unavailable);
    await expect(store.get('first')).rejects.toMatchObject(unavailable);
    await rmdir(current);
    await rename(aside, current);
    expect(Array.from((await store.get('first')) ?? [])).toEqual([1]);
    await store.close();
  });

  test('error: a second open in this process, which leaves the first one usable and locked', async () => {
    const store = await openLevelStore(options);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(openLevelStore(options)).rejects.toMatchObject({
        code: 'STORE_LOCKED',
        message: 'this process uses the storage directory',
        facts: { pid: process.pid },
      });
    }
    await store.batch([{ type: 'put', key: 'k', value: Uint8Array.of(1) }]);
    await store.close();
  });

  test('error: another process has the database open; when it was killed, its lock does not stay', async () => {
    const holder = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { ClassicLevel } from 'classic-level';
       await new ClassicLevel(${JSON.stringify(options.dir)}).open();
       process.stdout.write('open');
       setInterval(() => undefined, 1000);`,
    ]);
    try {
      await once(holder.stdout, 'data');
      await expect(openLevelStore(options)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
    const store = await openLevelStore(options);
    await store.close();
  });

  test('error: a file where the directory should be', async () => {
    const dir = path.join(folder.path, 'file');
    await writeFile(dir, '');
    await expect(openLevelStore({ ...options, dir })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'the store cannot be used: a file is in the way of the directory',
    });
  });

  test('error: a damaged database is named, and the lock is given back', async () => {
    const store = await openLevelStore(options);
    await store.batch([{ type: 'put', key: 'k', value: Uint8Array.of(1) }]);
    await store.close();
    await writeFile(path.join(options.dir, 'CURRENT'), 'nonsense');
    await expect(openLevelStore(options)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      facts: { dir: options.dir },
    });
    await expect(readFile(path.join(options.dir, 'ponos.lock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
