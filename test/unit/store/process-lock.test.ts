import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { acquireProcessLock } from '../../../src/store/process-lock.js';
import { smallDisk, whyNoSmallDisks } from '../../support/small-disk.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const onSmallDisks = whyNoSmallDisks() === undefined ? test : test.skip;

describe('acquireProcessLock', () => {
  let folder: TemporaryFolder;
  let file: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    file = path.join(folder.path, 'node.lock');
  });
  afterEach(() => folder.remove());

  async function expectTaken(): Promise<void> {
    const lock = await acquireProcessLock(file, 'the thing');
    expect(JSON.parse(await readFile(file, 'utf8')).pid).toBe(process.pid);
    expect(await readdir(folder.path)).toEqual(['node.lock']);
    await lock.release();
    expect(await readdir(folder.path)).toEqual([]);
  }

  test('default: taken and given back, nothing else is left', async () => {
    await expectTaken();
    await expectTaken();
  });

  test.each([
    [false, 0o600],
    [true, 0o644],
  ])('behavior: under a tight umask, for everyone is %s', async (isForEveryone, mode) => {
    const umask = process.umask(0o077);
    try {
      const lock = await acquireProcessLock(file, 'the thing', { isForEveryone });
      expect((await stat(file)).mode & 0o777).toBe(mode);
      await lock.release();
    } finally {
      process.umask(umask);
    }
  });

  onSmallDisks('error: a full disk, on which nothing is left by the attempt', async () => {
    const disk = smallDisk(path.join(folder.path, 'disk'), 1);
    try {
      disk.fill(0);
      const attempt = acquireProcessLock(path.join(disk.folder, 'node.lock'), 'the thing');
      await expect(attempt).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(await readdir(disk.folder)).toEqual(['ballast']);
    } finally {
      disk.remove();
    }
  });

  test('error: this process has it already', async () => {
    const lock = await acquireProcessLock(file, 'the thing');
    await expect(acquireProcessLock(file, 'the thing')).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: 'this process uses the thing',
      facts: { pid: process.pid, lock: file },
    });
    await lock.release();
  });

  test('error: a living process has it; behavior: once it is dead, it is taken over', async () => {
    const other = spawn(process.execPath, ['--eval', 'setInterval(() => undefined, 1000)']);
    await once(other, 'spawn');
    await writeFile(file, JSON.stringify({ pid: other.pid }));
    try {
      await expect(acquireProcessLock(file, 'the thing')).rejects.toMatchObject({
        code: 'STORE_LOCKED',
        message: 'another process uses the thing',
        facts: { pid: other.pid },
      });
    } finally {
      other.kill('SIGKILL');
      await once(other, 'exit');
    }
    await expectTaken();
  });

  test('behavior: a process that only has the same pid, as after a restart of a container, is no holder', async () => {
    await writeFile(file, JSON.stringify({ pid: process.pid, startTicks: '1' }));
    await expectTaken();
  });

  const onLinux = process.platform === 'linux' ? test : test.skip;
  onLinux(
    'behavior: a killed process whose parent has not asked for its exit code is no holder',
    async () => {
      // The shell becomes a program that never waits for the child it has left.
      const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [pid] = (await once(parent.stdout, 'data')).map((chunk) => Number(String(chunk)));
      const state = async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.[0];
      while ((await state()) !== 'Z') await new Promise((resolve) => setImmediate(resolve));
      await writeFile(file, JSON.stringify({ pid }));
      await expectTaken();
      parent.kill('SIGKILL');
      await once(parent, 'exit');
    },
  );

  test('behavior: a file cut off by a crash is replaced', async () => {
    await writeFile(file, '{"pid":');
    await expectTaken();
  });

  test('behavior: of many at the same time, over an abandoned file, one gets it', async () => {
    await writeFile(file, '');
    const attempts = await Promise.allSettled(
      Array.from({ length: 20 }, () => acquireProcessLock(file, 'the thing')),
    );
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('error: no such folder', async () => {
    await expect(acquireProcessLock(path.join(folder.path, 'x', 'y'), 'it')).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});
