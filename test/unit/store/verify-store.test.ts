import { cp, readdir, readFile, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { silentLogger } from '../../../src/base/logger.js';
import { openLevelDatabase, openLevelStore } from '../../../src/store/level-store.js';
import { openStore } from '../../../src/store/open-store.js';
import { encodeJsonRecord } from '../../../src/store/record-codec.js';
import { storeKey } from '../../../src/store/store-key.js';
import type { StoreRole } from '../../../src/store/store-schema.js';
import { verifyStore } from '../../../src/store/verify-store.js';
import { contentOf, contentOfDir, copyFixture, fileOf, flipByte } from '../../support/damage.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

const kindsOf = async (dir: string) => (await verifyStore(dir)).problems.map(({ kind }) => kind);

describe('verifyStore', () => {
  let folder: TemporaryFolder;
  let dir: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    dir = path.join(folder.path, 'store');
    await copyFixture('v1/executor', dir);
  });
  afterEach(() => folder.remove());

  const namesOf = async () => (await readdir(dir)).sort();

  /** Changes the database below the ledger, as only damage does. */
  async function tamper(
    action: (database: Awaited<ReturnType<typeof openLevelDatabase>>) => Promise<void>,
  ): Promise<void> {
    const database = await openLevelDatabase({ dir, syncWrites: false });
    await action(database);
    await database.close();
  }

  /** What the node finds that starts on it, having told of each problem; undefined when it refuses to. */
  async function startOn(damaged: string, role: StoreRole, problems: number) {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) };
    const storage = { type: 'level', level: { dir: damaged, syncWrites: false } } as const;
    const store = await openStore(storage, role, { logger }).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'STORE_CORRUPT' });
      return undefined;
    });
    if (store === undefined) return undefined;
    expect(warnings).toHaveLength(problems);
    const content = await contentOf(store);
    await store.close();
    return content;
  }

  test('default: a good store has no problems; it is counted, and stays as it is', async () => {
    const before = await namesOf();
    const { schema, namespaces, problems } = await verifyStore(dir);
    expect(problems).toEqual([]);
    expect(schema).toEqual({ version: 1, role: 'executor' });
    expect(namespaces.map(({ namespace, records }) => [namespace, records])).toEqual([
      ['answer', 4],
      ['deployment', 3],
      ['output', 4],
      ['performer', 1],
      ['schema', 1],
    ]);
    for (const { bytes } of namespaces) expect(bytes).toBeGreaterThan(0);
    expect(await namesOf()).toEqual(before);
  });

  test('behavior: an empty directory is sound', async () => {
    expect(await kindsOf(path.join(folder.path, 'new'))).toEqual([]);
  });

  test('behavior: what a killed verification has left does not matter', async () => {
    await copyFixture('v1/aggregator', path.join(dir, 'verify'));
    expect(await kindsOf(dir)).toEqual([]);
    expect(await namesOf()).not.toContain('verify');
  });

  test('error: a store that is open', async () => {
    const store = await openLevelStore({ dir, syncWrites: false });
    await expect(verifyStore(dir)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      facts: { pid: process.pid },
    });
    await store.close();
  });

  test('error: a record that is gone', async () => {
    await tamper(async (database) => {
      for await (const { key } of database.scan({ gte: 'answer/', lt: 'answer0', limit: 2 }))
        await database.batch([{ type: 'delete', key }]);
    });
    expect((await verifyStore(dir)).problems).toEqual([
      { kind: 'lost-records', what: '2 of 4 records are gone', namespace: 'answer', records: 2 },
    ]);
  });

  test('error: an earlier value of a record, sound in itself', async () => {
    const key = storeKey('note', 1);
    const put = (content: number) => ({ type: 'put', key, value: encodeJsonRecord(key, content) }) as const;
    const store = await openLevelStore({ dir, syncWrites: false });
    await store.batch([put(1)]);
    await store.batch([put(2)]);
    await store.close();
    await tamper((database) => database.batch([put(1)]));
    expect((await verifyStore(dir)).problems).toMatchObject([
      { kind: 'outdated-records', namespace: 'note' },
    ]);
  });

  test('error: a record that was deleted is back', async () => {
    const key = storeKey('answer', 'x');
    await tamper((database) => database.batch([{ type: 'put', key, value: encodeJsonRecord(key, 1) }]));
    expect((await verifyStore(dir)).problems).toMatchObject([
      { kind: 'returned-records', namespace: 'answer', records: 1 },
    ]);
  });

  test('error: a value under another key', async () => {
    const [key, other] = [storeKey('note', 1), storeKey('note', 2)];
    await tamper((database) => database.batch([{ type: 'put', key, value: encodeJsonRecord(other, 1) }]));
    expect((await verifyStore(dir)).problems).toMatchObject([{ kind: 'bad-record', namespace: 'note', key }]);
  });

  test('error: the ledger and the schema are gone', async () => {
    await tamper((database) =>
      database.batch(['~ledger/', 'schema/'].map((key) => ({ type: 'delete', key }))),
    );
    expect(await kindsOf(dir)).toEqual(['no-ledger', 'no-schema', 'lost-tail']);
  });

  test('error: the log is cut off, as if the last batches had never been', async () => {
    const log = await fileOf(dir, '.log');
    await truncate(log, (await stat(log)).size - 100);
    expect((await verifyStore(dir)).problems).toEqual([
      { kind: 'lost-tail', what: 'the last 1 of 8 batches are gone', records: 1 },
    ]);
    await truncate(log, 0);
    expect(await kindsOf(dir)).toEqual(['lost-tail']);
  });

  test.each([
    ['CURRENT', ['unreadable']],
    ['MANIFEST', ['unreadable']],
    ['.ldb', ['unreadable']],
    ['ponos.sequence', ['no-witness']],
  ])('error: %s is missing', async (suffix, kinds) => {
    await unlink(await fileOf(dir, suffix));
    expect(await kindsOf(dir)).toEqual(kinds);
  });

  test('error: the log is missing', async () => {
    await unlink(await fileOf(dir, '.log'));
    expect(await kindsOf(dir)).toContain('lost-tail');
  });

  test('error: all files but the witness are gone', async () => {
    for (const name of await namesOf()) if (name !== 'ponos.sequence') await rm(path.join(dir, name));
    expect(await kindsOf(dir)).toEqual(['unreadable']);
  });

  // Which bytes carry nothing, nobody knows; so each one is tried, and what the node reads is what counts.
  test.each(['executor', 'aggregator'] as const)(
    'error: every 64th byte of every file of an %s, one at a time: reported, or nothing of the content changes',
    async (role) => {
      await rm(dir, { recursive: true });
      await copyFixture(`v1/${role}`, dir);
      const good = path.join(folder.path, 'good');
      await cp(dir, good, { recursive: true });
      const original = await contentOfDir(good);
      const seen = { stopped: 0, contained: 0, harmless: 0 };
      for (const name of await namesOf()) {
        const size = (await stat(path.join(dir, name))).size;
        for (let at = 0; at < size; at += 64) {
          const damaged = path.join(folder.path, 'damaged');
          await cp(dir, damaged, { recursive: true });
          await flipByte(path.join(damaged, name), at);
          const where = `${name} at ${at}`;
          const { problems } = await verifyStore(damaged);
          if (problems.length === 0) {
            expect([where, await contentOfDir(damaged)]).toEqual([where, original]);
            seen.harmless += 1;
          } else {
            const content = await startOn(damaged, role, problems.length);
            seen[content === undefined ? 'stopped' : 'contained'] += 1;
            // Records may be missing then, but none is another than it was.
            for (const [key, value] of content ?? [])
              expect([where, key, value]).toEqual([where, key, original.get(key)]);
            if (content !== undefined) expect([where, await kindsOf(damaged)]).toEqual([where, []]);
          }
          await rm(damaged, { recursive: true });
        }
      }
      expect(seen.stopped).toBeGreaterThan(10);
      expect(seen.contained).toBeGreaterThan(0);
    },
    60_000,
  );

  test('error: a byte in the middle of the log, and the next batch has overwritten nothing', async () => {
    const log = await fileOf(dir, '.log');
    await flipByte(log, Math.floor((await stat(log)).size / 2));
    const before = await readFile(log);
    const storage = { type: 'level', level: { dir, syncWrites: true } } as const;
    await expect(openStore(storage, 'executor')).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining('the protection against signing two outputs may be incomplete'),
      facts: { dir },
    });
    // LevelDB would have dropped what follows, and removed the log.
    expect(await readFile(log)).toEqual(before);
  });

  test('error: nonsense in CURRENT', async () => {
    await writeFile(path.join(dir, 'CURRENT'), 'nonsense');
    expect(await kindsOf(dir)).toEqual(['unreadable']);
  });
});
