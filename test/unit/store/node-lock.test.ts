import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { acquireNodeLock, lockFolder } from '../../../src/store/node-lock.js';
import { type ManualClock, manualClock, settle } from '../../support/manual-clock.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';

const KEYS = ['0x00000000000000000000000000000000000000aa', `0x${'bb'.repeat(64)}`];
let folder: string;
let clock: ManualClock;
let lines: LogLine[];

beforeEach(async () => {
  clock = manualClock();
  lines = [];
  folder = await mkdtemp(path.join(os.tmpdir(), 'ponos-node-lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

const acquire = (role: 'aggregator' | 'executor', identities: readonly string[], at = folder) =>
  acquireNodeLock({ role, identities, folder: at, clock, logger: recordingLogger(lines) });

describe('acquireNodeLock', () => {
  test('default: locks every key, and leaves nothing behind when it is released', async () => {
    const lock = await acquire('executor', KEYS);
    expect(await readdir(folder)).toHaveLength(2);
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('error: a second node of the role with one of the keys is refused and names the first', async () => {
    const lock = await acquire('executor', KEYS);
    const second = acquire('executor', ['0x1', KEYS[0]?.toUpperCase() ?? '']);
    await expect(second).rejects.toMatchObject({ code: 'KEY_IN_USE', facts: { pid: process.pid } });
    expect(await readdir(folder)).toHaveLength(2);
    await lock.release();
  });

  test('behavior: the other role may use the key', async () => {
    const locks = [await acquire('executor', KEYS), await acquire('aggregator', KEYS)];
    expect(await readdir(folder)).toHaveLength(2 * KEYS.length);
    for (const lock of locks) await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('behavior: the lock of a process that is gone is taken over', async () => {
    const lock = await acquire('executor', KEYS.slice(0, 1));
    const [name = ''] = await readdir(folder);
    await lock.release();
    const file = path.join(folder, name);
    await writeFile(file, JSON.stringify({ pid: 2 ** 22 + 1 }));
    const taken = await acquire('executor', KEYS.slice(0, 1));
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: process.pid });
    await taken.release();
    expect(await readdir(folder)).toEqual([]);
  });

  test('behavior: it is touched every day, since machines clear the folder of what is old', async () => {
    const lock = await acquire('executor', KEYS);
    const files = (await readdir(folder)).map((name) => path.join(folder, name));
    for (const file of files) await utimes(file, 0, 0);
    await clock.advance(24 * 60 * 60 * 1_000);
    for (const file of files) expect((await stat(file)).mtimeMs).toBe(clock.nowMs());
    await lock.release();
    await settle();
    expect(clock.sleepers).toBe(0);
  });

  test('behavior: without a writable folder the node starts all the same, and says what is not noticed', async () => {
    const file = path.join(folder, 'file');
    await writeFile(file, '');
    const lock = await acquire('executor', KEYS, path.join(file, 'below'));
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'warn',
        message: 'lock files cannot be written: a second node with the same key would not be noticed',
      }),
    ]);
    await lock.release();
  });
});

test('behavior: PONOS_RUNTIME_DIR names another folder than that of the machine', () => {
  expect(lockFolder({ PONOS_RUNTIME_DIR: '/run/ponos' })).toBe('/run/ponos');
  expect(lockFolder({})).toBe(path.join(os.tmpdir(), 'ponos-locks'));
});
