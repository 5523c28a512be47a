import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { placeStore } from '../../../../src/operations/storage/place-store.js';
import type { Entry } from '../../../../src/store/key-value-store.js';
import { encodeRecord } from '../../../../src/store/record-codec.js';
import { verifyStore } from '../../../../src/store/verify-store.js';
import { each, recordsOf } from '../../../support/storage-stage.js';
import { withTemporaryFolder } from '../../../support/temporary-folder.js';

const entry = (key: string): Entry => ({ key, value: encodeRecord(key, Uint8Array.of(1)) });
const ENTRIES = [entry('output/1/'), entry('output/2/')];
const asText = (entries: readonly Entry[]) =>
  entries.map(({ key, value }) => [key, Buffer.from(value).toString('hex')]);

describe.each([
  ['a missing directory', async () => undefined],
  ['a directory in a missing one', async () => undefined],
  ['an empty directory', (dir: string) => mkdir(dir, { recursive: true })],
])('default: %s', (_what, prepare) => {
  test('gets the store, and nothing is beside it', async () => {
    await withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'data', 'level');
      await prepare(dir);
      await placeStore(dir, each(ENTRIES));
      expect(await recordsOf(dir)).toEqual(asText(ENTRIES));
      expect(await readdir(path.dirname(dir))).toEqual(['level']);
    });
  });
});

test('behavior: the store knows what it must hold', async () => {
  await withTemporaryFolder(async (folder) => {
    await placeStore(path.join(folder, 'level'), each(ENTRIES));
    const { problems, namespaces } = await verifyStore(path.join(folder, 'level'));
    expect(namespaces).toMatchObject([{ namespace: 'output', records: 2 }, {}].slice(0, 1));
    expect(problems.map(({ kind }) => kind)).toEqual(['no-schema']); // none was among the records
  });
});

test('behavior: what a killed process has left is taken away', async () => {
  await withTemporaryFolder(async (folder) => {
    const dir = path.join(folder, 'level');
    await placeStore(`${dir}.part`, each([entry('output/3/')]));
    await writeFile(`${dir}.part.lock`, '{"pid":4194305}');
    await placeStore(dir, each(ENTRIES));
    expect(await recordsOf(dir)).toEqual(asText(ENTRIES));
    expect(await readdir(folder)).toEqual(['level']);
  });
});

describe('error: nothing is placed', () => {
  test('when the records end badly', async () => {
    await withTemporaryFolder(async (folder) => {
      async function* failing() {
        yield* ENTRIES;
        throw new Error('the checksum is wrong');
      }
      await expect(placeStore(path.join(folder, 'level'), failing())).rejects.toThrow('checksum');
      expect(await readdir(folder)).toEqual([]);
    });
  });

  test('when something is in the directory', async () => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(path.join(folder, 'mine'), 'precious');
      await expect(placeStore(folder, each(ENTRIES))).rejects.toMatchObject({
        code: 'FILE_EXISTS',
        facts: { found: 'mine' },
      });
      expect(await readdir(folder)).toEqual(['mine']);
    });
  });

  test('when something comes into the directory meanwhile', async () => {
    await withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'level');
      async function* slow() {
        yield* ENTRIES;
        await mkdir(path.join(dir, 'mine'), { recursive: true });
      }
      await expect(placeStore(dir, slow())).rejects.toMatchObject({ code: 'FILE_EXISTS' });
      expect(await readdir(dir)).toEqual(['mine']);
      expect(await readdir(folder)).toEqual(['level']);
    });
  });

  test('when a file is in the way', async () => {
    await withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'level');
      await writeFile(dir, 'a file');
      await expect(placeStore(dir, each(ENTRIES))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    });
  });
});
