import { readdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type LogFields, silentLogger } from '../../../src/base/logger.js';
import { createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createExecutorStore } from '../../../src/store/executor-store.js';
import { openLevelDatabase } from '../../../src/store/level-store.js';
import { mendStore, QUARANTINE, type QuarantinedRecord } from '../../../src/store/mend-store.js';
import { openStore } from '../../../src/store/open-store.js';
import { decodeJsonRecord } from '../../../src/store/record-codec.js';
import { keysBelow } from '../../../src/store/store-key.js';
import type { StoreRole } from '../../../src/store/store-schema.js';
import { verifyStore } from '../../../src/store/verify-store.js';
import { contentOf, contentOfDir, copyFixture, fileOf, flipByte } from '../../support/damage.js';
import { FIXTURE_CHAIN, fixtureAnswerKey, fixtureTask } from '../../support/store-fixtures.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

describe('mendStore', () => {
  let folder: TemporaryFolder;
  let dir: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    dir = path.join(folder.path, 'store');
  });
  afterEach(() => folder.remove());

  const open = (role: StoreRole) => openStore({ type: 'level', level: { dir, syncWrites: false } }, role);

  /** The values of these keys are no records any more. */
  async function spoil(keys: (key: string) => boolean): Promise<string[]> {
    const database = await openLevelDatabase({ dir, syncWrites: false });
    const spoiled: string[] = [];
    for await (const { key, value } of database.scan({ gte: '!', lt: '~' })) {
      if (!keys(key)) continue;
      spoiled.push(key);
      await database.batch([{ type: 'put', key, value: value.with(-1, 0) }]);
    }
    await database.close();
    return spoiled;
  }

  test('default: a good store is left as it is', async () => {
    await copyFixture('v1/executor', dir);
    const before = await readdir(dir);
    expect(await mendStore(dir, 'executor', 1)).toMatchObject({ lost: [], copy: undefined });
    expect(await readdir(dir)).toEqual(before);
  });

  test('behavior: a bad record is set aside with its bytes, and the node starts again', async () => {
    await copyFixture('v1/executor', dir);
    const [bad] = await spoil((key) => key.startsWith('answer/') && key.includes(fixtureAnswerKey(2).taskId));
    await expect(open('executor')).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining(`bad-record in ${bad}`),
      advice: expect.stringContaining('ponos storage repair'),
    });
    const { lost, copy } = await mendStore(dir, 'executor', 1);
    expect(lost).toMatchObject([{ kind: 'bad-record', key: bad }]);
    expect(copy).toBe(path.join(dir, 'damaged-1'));
    expect(await verifyStore(dir)).toMatchObject({ problems: [] });

    const store = await open('executor');
    const executor = createExecutorStore(store);
    expect(await executor.find(fixtureAnswerKey(2))).toBeUndefined();
    expect(await executor.find(fixtureAnswerKey(3))).toBeDefined();
    const quarantined: QuarantinedRecord[] = [];
    for await (const { key, value } of store.scan(keysBelow(QUARANTINE))) {
      quarantined.push(decodeJsonRecord<QuarantinedRecord>(key, value));
    }
    expect(quarantined).toMatchObject([{ key: bad, what: expect.stringContaining('checksum') }]);
    expect(Buffer.from(quarantined[0]?.value ?? '', 'base64').at(-1)).toBe(0);
    await store.close();
  });

  test('behavior: what names a lost record goes with it', async () => {
    await copyFixture('v1/aggregator', dir);
    const { taskId } = fixtureTask(4);
    await spoil((key) => key.startsWith('payload/') && key.includes(taskId));
    const { lost } = await mendStore(dir, 'aggregator', 1);
    const namespaces = lost.map(({ key }) => key?.split('/')[0]).sort();
    expect(namespaces).toEqual(['block-task', 'open', 'payload', 'task']);
    const store = await open('aggregator');
    const aggregator = createAggregatorStore(store);
    expect((await aggregator.unfinishedTasks()).map((task) => task.taskId)).toEqual([fixtureTask(3).taskId]);
    await store.close();
  });

  test('behavior: an aggregator goes on by itself without a cursor and block hashes, and says so', async () => {
    await copyFixture('v1/aggregator', dir);
    const bad = await spoil((key) => key.startsWith('cursor/') || key.startsWith('block/'));
    const problems: unknown[] = [];
    const logger = {
      ...silentLogger,
      warn: (_: string, fields?: LogFields) => problems.push(fields?.problem),
    };
    const storage = { type: 'level', level: { dir, syncWrites: false } } as const;
    const store = await openStore(storage, 'aggregator', { logger });
    for (const key of bad) {
      expect(problems).toContainEqual(expect.stringContaining(`bad-record in ${key}`));
      expect(await store.get(key)).toBeUndefined();
    }
    const aggregator = createAggregatorStore(store);
    expect(await aggregator.cursor(FIXTURE_CHAIN)).toBeUndefined();
    expect(await aggregator.unfinishedTasks()).toHaveLength(2);
    await store.close();
    expect(await verifyStore(dir)).toMatchObject({ problems: [] });
  });

  test.each(['CURRENT', 'MANIFEST'])('behavior: without %s nothing is lost', async (name) => {
    await copyFixture('v1/executor', dir);
    const original = await contentOfDir(dir);
    await unlink(await fileOf(dir, name));
    const { before } = await mendStore(dir, 'executor', 1);
    expect(before.problems).toMatchObject([{ kind: 'unreadable' }]);
    expect(await contentOfDir(dir)).toEqual(original);
    expect(await verifyStore(dir)).toMatchObject({ problems: [] });
  });

  test('behavior: of a damaged log everything is kept that has its checksum', async () => {
    await copyFixture('v1/executor', dir);
    const original = await contentOfDir(dir);
    await folder.remove();
    await copyFixture('v1/executor', dir);
    const log = await fileOf(dir, '.log');
    // In the first of the log's batches: LevelDB would drop all the others with it.
    await flipByte(log, 200);
    expect((await verifyStore(dir)).problems).toMatchObject([{ kind: 'lost-tail', records: 3 }]);
    await mendStore(dir, 'executor', 1);
    const store = await open('executor');
    const content = await contentOf(store);
    for (const [key, value] of content) expect([key, value]).toEqual([key, original.get(key)]);
    expect(content.size).toBeGreaterThanOrEqual(original.size - 2);
    await store.close();
  });

  test('behavior: a store that does not say its role is given the one that is named', async () => {
    await copyFixture('v1/executor', dir);
    await spoil((key) => key === 'schema/');
    await mendStore(dir, 'executor', 1);
    expect(await verifyStore(dir)).toMatchObject({ schema: { role: 'executor' }, problems: [] });
  });

  test('behavior: every damage of a table or a log can be mended, and no value is one that was never written', async () => {
    await copyFixture('v1/executor', dir);
    const original = await contentOfDir(dir);
    for (const suffix of ['.ldb', '.log']) {
      await folder.remove();
      await copyFixture('v1/executor', dir);
      const { size } = await stat(await fileOf(dir, suffix));
      for (let at = 20; at < size; at += 191) {
        await folder.remove();
        await copyFixture('v1/executor', dir);
        await flipByte(await fileOf(dir, suffix), at);
        await mendStore(dir, 'executor', 1);
        const content = await contentOfDir(dir);
        for (const [key, value] of content) expect([at, key, value]).toEqual([at, key, original.get(key)]);
        expect([at, (await verifyStore(dir)).problems]).toEqual([at, []]);
      }
    }
  }, 30_000);
});
