import { cp, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createAggregatorStore } from '../../../src/store/aggregator-store.js';
import { createPerformerStore } from '../../../src/store/executor-performers.js';
import { createExecutorStore } from '../../../src/store/executor-store.js';
import type { KeyValueStore } from '../../../src/store/key-value-store.js';
import { openLevelStore } from '../../../src/store/level-store.js';
import { createMemoryStore } from '../../../src/store/memory-store.js';
import { openStore } from '../../../src/store/open-store.js';
import { decodeJsonRecord, encodeJsonRecord } from '../../../src/store/record-codec.js';
import { keysBelow, storeKey } from '../../../src/store/store-key.js';
import {
  claimStore,
  MIGRATIONS,
  type Migration,
  readSchema,
  SCHEMA_VERSION,
  type StoreRole,
  schemaOperation,
} from '../../../src/store/store-schema.js';
import { verifyStore } from '../../../src/store/verify-store.js';
import {
  FIXTURE_CHAIN,
  FIXTURE_DEPLOYMENTS,
  FIXTURE_TASKS,
  fixtureAcceptedAnswer,
  fixtureAnswer,
  fixtureAnswerKey,
  fixtureBlock,
  fixtureTask,
} from '../../support/store-fixtures.js';
import { withTemporaryFolder } from '../../support/temporary-folder.js';

const put = (key: string, value: unknown) =>
  ({ type: 'put', key, value: encodeJsonRecord(key, value) }) as const;

async function numbersIn(store: KeyValueStore, namespace: string): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { key, value } of store.scan(keysBelow(namespace)))
    values.push(decodeJsonRecord(key, value));
  return values;
}

/** Version 2 has `new/` in place of `old/`; version 3 counts in tenths. */
const STEPS: readonly Migration[] = [
  {
    from: 1,
    to: 2,
    async migrate(store) {
      const operations = [];
      for await (const { key, value } of store.scan(keysBelow('old'))) {
        operations.push(
          { type: 'delete', key } as const,
          put(`new${key.slice(3)}`, decodeJsonRecord(key, value)),
        );
      }
      return operations;
    },
  },
  {
    from: 2,
    to: 3,
    async migrate(store) {
      const operations = [];
      for await (const { key, value } of store.scan(keysBelow('new'))) {
        operations.push(put(key, decodeJsonRecord<number>(key, value) * 10));
      }
      return operations;
    },
  },
];

async function oldStore(version: number): Promise<KeyValueStore> {
  const store = createMemoryStore();
  const name = version === 1 ? 'old' : 'new';
  await store.batch([
    schemaOperation({ version, role: 'executor' }),
    ...[1, 2, 3].map((n) => put(storeKey(name, n), n)),
  ]);
  return store;
}

describe('claimStore', () => {
  test('default: an empty store is marked with the version and the role', async () => {
    const store = createMemoryStore();
    expect(await readSchema(store)).toBeUndefined();
    await claimStore(store, 'aggregator');
    expect(await readSchema(store)).toEqual({ version: SCHEMA_VERSION, role: 'aggregator' });
  });

  test.each([1, 2])('behavior: an older store, of version %i, goes through every step', async (version) => {
    const store = await oldStore(version);
    await claimStore(store, 'executor', { version: 3, migrations: STEPS });
    expect(await readSchema(store)).toEqual({ version: 3, role: 'executor' });
    expect(await numbersIn(store, 'new')).toEqual([10, 20, 30]);
    expect(await numbersIn(store, 'old')).toEqual([]);
  });

  test('behavior: a step that is interrupted has changed nothing, and is done again', async () => {
    const store = await oldStore(2);
    let isDiskFull = true;
    const failing: KeyValueStore = {
      ...store,
      batch: (operations) => (isDiskFull ? Promise.reject(new Error('disk full')) : store.batch(operations)),
    };
    const options = { version: 3, migrations: STEPS };
    await expect(claimStore(failing, 'executor', options)).rejects.toThrow('disk full');
    expect(await readSchema(store)).toMatchObject({ version: 2 });
    isDiskFull = false;
    await claimStore(failing, 'executor', options);
    await claimStore(failing, 'executor', options);
    expect(await numbersIn(store, 'new')).toEqual([10, 20, 30]);
  });

  test('error: a store that no step leads away from', async () => {
    await expect(
      claimStore(await oldStore(1), 'executor', { version: 3, migrations: STEPS.slice(1) }),
    ).rejects.toMatchObject({ code: 'STORE_MISMATCH', facts: { storeVersion: 1, supportedVersion: 3 } });
  });

  test('error: a store of a newer version', async () => {
    const store = createMemoryStore();
    await store.batch([schemaOperation({ version: SCHEMA_VERSION + 1, role: 'executor' })]);
    await expect(claimStore(store, 'executor')).rejects.toMatchObject({
      code: 'STORE_MISMATCH',
      message: 'the store was written by a newer version of ponos',
    });
  });

  test('error: another role’s store', async () => {
    await expect(claimStore(await oldStore(1), 'aggregator')).rejects.toMatchObject({
      code: 'STORE_MISMATCH',
      message: 'the store belongs to an executor, this is an aggregator',
    });
  });

  test('error: a damaged schema record', async () => {
    const store = createMemoryStore();
    await store.batch([{ type: 'put', key: 'schema/', value: new Uint8Array(20) }]);
    await expect(claimStore(store, 'executor')).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});

describe('MIGRATIONS', () => {
  test('default: lead from every version to this one', () => {
    const steps = Array.from({ length: SCHEMA_VERSION - 1 }, (_, index) => ({
      from: index + 1,
      to: index + 2,
    }));
    expect(MIGRATIONS.map(({ from, to }) => ({ from, to }))).toEqual(steps);
  });
});

describe('stores of every version so far', () => {
  const FIXTURES = path.resolve('test/fixtures/stores');

  async function onFixtures(role: StoreRole, check: (store: KeyValueStore) => Promise<void>): Promise<void> {
    const versions = await readdir(FIXTURES);
    expect(versions).toHaveLength(SCHEMA_VERSION);
    for (const version of versions) {
      await withTemporaryFolder(async (folder) => {
        const dir = path.join(folder, 'store');
        await cp(path.join(FIXTURES, version, role), dir, { recursive: true });
        expect(await verifyStore(dir)).toMatchObject({ schema: { role }, problems: [] });
        const store = await openStore({ type: 'level', level: { dir, syncWrites: false } }, role);
        await check(store);
        await store.close();
        expect(await verifyStore(dir)).toMatchObject({
          schema: { role, version: SCHEMA_VERSION },
          problems: [],
        });
      });
    }
  }

  test('behavior: an aggregator’s are sound, and read', () =>
    onFixtures('aggregator', async (store) => {
      const aggregator = createAggregatorStore(store);
      expect(await aggregator.cursor(FIXTURE_CHAIN)).toEqual(fixtureBlock(FIXTURE_TASKS));
      expect(await aggregator.recentBlocks(FIXTURE_CHAIN)).toHaveLength(FIXTURE_TASKS);
      expect(await aggregator.task(fixtureTask(1))).toMatchObject({ ...fixtureTask(1), status: 'completed' });
      expect(await aggregator.task(fixtureTask(2))).toMatchObject({
        status: 'failed',
        reason: 'too few answers',
      });
      const unfinished = await aggregator.unfinishedTasks();
      expect(unfinished.map(({ status }) => status)).toEqual(['processing', 'pending']);
      const answers = await aggregator.answers(fixtureTask(3), 1_700_000_000);
      const accepted = answers.map(async ({ outputHash, ...answer }) => ({
        ...answer,
        output: await aggregator.output(fixtureTask(3), outputHash),
      }));
      expect(await Promise.all(accepted)).toEqual([fixtureAcceptedAnswer(0x0b), fixtureAcceptedAnswer(0x0c)]);
    }));

  test('behavior: an executor’s are sound, and read', () =>
    onFixtures('executor', async (store) => {
      const executor = createExecutorStore(store);
      for (let n = 1; n <= FIXTURE_TASKS; n++) {
        const { payloadHash, output, createdAtMs, deadlineSeconds } = fixtureAnswer(n);
        expect(await executor.find(fixtureAnswerKey(n))).toMatchObject({
          payloadHash,
          output,
          createdAtMs,
          deadlineSeconds,
        });
      }
      const performers = createPerformerStore(store);
      expect(await performers.deployments()).toEqual(FIXTURE_DEPLOYMENTS.map(({ deployment }) => deployment));
      expect(await performers.performers()).toEqual([FIXTURE_DEPLOYMENTS[2]?.performer]);
    }));

  test('error: a store of a newer version, which stays as it is', () =>
    withTemporaryFolder(async (dir) => {
      const store = await openLevelStore({ dir, syncWrites: false });
      await store.batch([schemaOperation({ version: SCHEMA_VERSION + 1, role: 'executor' })]);
      await store.close();
      const before = await readdir(dir);
      const opened = openStore({ type: 'level', level: { dir, syncWrites: false } }, 'executor');
      await expect(opened).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
      expect(await readdir(dir)).toEqual(before);
    }));
});
