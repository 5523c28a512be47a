import { rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Address, parseAddress } from '../../../src/base/brands.js';
import { openLevelStore } from '../../../src/store/level-store.js';
import { openStore, storePlace } from '../../../src/store/open-store.js';
import { encodeJsonRecord } from '../../../src/store/record-codec.js';
import { readSchema } from '../../../src/store/store-schema.js';
import { type LogLine, recordingLogger } from '../../support/recording-logger.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

type Storage = Parameters<typeof storePlace>[0];

function storage(overrides: {
  type: Storage['type'];
  level?: Partial<Storage['level']>;
  badger?: Partial<Storage['badger']>;
}): Storage {
  return {
    type: overrides.type,
    level: { syncWrites: true, ...overrides.level },
    badger: { inMemory: false, ...overrides.badger },
  } as Storage;
}

describe('storePlace', () => {
  test.each([
    [storage({ type: 'memory', level: { dir: '/data' } }), { kind: 'memory' }],
    [storage({ type: 'level', level: { dir: '/data' } }), { kind: 'level', dir: '/data' }],
    [storage({ type: 'badger', badger: { dir: '/data' } }), { kind: 'level', dir: '/data/level' }],
    [storage({ type: 'badger', badger: { dir: '/data', inMemory: true } }), { kind: 'memory' }],
  ])('behavior: $type', (config, place) => {
    expect(storePlace(config)).toEqual(place);
  });

  test.each(['level', 'badger'] as const)('error: type %s without a directory', (type) => {
    expect(() => storePlace(storage({ type }))).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: `storage.${type}.dir is missing` }),
    );
  });
});

describe('openStore', () => {
  let folder: TemporaryFolder;

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  test('behavior: a store is its role’s for good', async () => {
    const config = storage({ type: 'level', level: { dir: folder.path } });
    await (await openStore(config, 'executor')).close();
    await (await openStore(config, 'executor')).close();
    await expect(openStore(config, 'aggregator')).rejects.toMatchObject({
      code: 'STORE_MISMATCH',
      message: 'the store belongs to an executor, this is an aggregator',
      facts: { dir: folder.path },
    });
    // The refused opening has given back its lock.
    await (await openStore(config, 'executor')).close();
  });

  describe('of an executor', () => {
    const [ours, theirs] = [parseAddress(`0x${'11'.repeat(20)}`), parseAddress(`0x${'22'.repeat(20)}`)];
    const config = () => storage({ type: 'level', level: { dir: folder.path } });
    const start = async (operator?: Address) =>
      (await openStore(config(), 'executor', operator === undefined ? {} : { operator })).close();

    test('error: what another operator has signed says nothing of this one', async () => {
      await start(ours);
      await start(ours);
      await expect(start(theirs)).rejects.toMatchObject({
        code: 'STORE_MISMATCH',
        message: `the store knows what operator ${ours} has signed, and this node signs for ${theirs}`,
        facts: { dir: folder.path },
      });
      await start(ours);
    });

    test('behavior: a store from before this was noted is the operator’s that opens it first', async () => {
      await start();
      await start(ours);
      // As `ponos storage import --slashing-protection` opens it.
      await start();
      await expect(start(theirs)).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
    });
  });

  test('behavior: a new store is told of, once: a volume that is not mounted looks the same', async () => {
    const lines: LogLine[] = [];
    const options = { logger: recordingLogger(lines) };
    const config = storage({ type: 'level', level: { dir: folder.path } });
    const store = await openStore(config, 'executor', options);
    await store.batch([{ type: 'put', key: 'under-way/a/', value: encodeJsonRecord('under-way/a/', {}) }]);
    await store.close();
    await (await openStore(config, 'executor', options)).close();
    const message = 'the store is new: nothing is known of what was signed before, if anything was';
    expect(lines).toEqual([{ level: 'warn', message, fields: { dir: folder.path } }]);
  });

  test('behavior: badger is LevelDB in a folder below', async () => {
    const store = await openStore(storage({ type: 'badger', badger: { dir: folder.path } }), 'executor');
    await store.close();
    const level = await openLevelStore({ dir: path.join(folder.path, 'level'), syncWrites: true });
    expect(await level.get('schema/')).toBeDefined();
    await level.close();
  });

  test.each(['MANIFEST', 'KEYREGISTRY', '000001.vlog', '000002.sst'])(
    'error: Badger’s own %s, unless a fresh start is accepted',
    async (name) => {
      await writeFile(path.join(folder.path, name), '');
      const config = storage({ type: 'badger', badger: { dir: folder.path } });
      await expect(openStore(config, 'executor')).rejects.toMatchObject({
        code: 'STORE_MISMATCH',
        facts: { dir: folder.path, found: name },
        advice: expect.stringContaining('--accept-fresh-state'),
      });
      await (await openStore(config, 'executor', { acceptFreshState: true })).close();
      // What was accepted once holds: a restart by itself, at night, has no such flag.
      await (await openStore(config, 'executor')).close();
    },
  );

  describe('where a Go node has left its state', () => {
    const manifest = (size: number) => writeFile(path.join(folder.path, 'MANIFEST'), 'm'.repeat(size));
    const config = () => storage({ type: 'badger', badger: { dir: folder.path } });
    const start = async (options = {}) => (await openStore(config(), 'executor', options)).close();

    beforeEach(async () => {
      await manifest(10);
      await writeFile(path.join(folder.path, '000001.vlog'), 'v');
      await start({ acceptFreshState: true });
    });

    test.each([
      ['a longer MANIFEST', 'MANIFEST', () => manifest(11)],
      ['a new table', '000007.sst', () => writeFile(path.join(folder.path, '000007.sst'), '')],
    ])('error: %s shows that one has run there since', async (_, found, run) => {
      await start();
      await run();
      await expect(start()).rejects.toMatchObject({
        code: 'STORE_MISMATCH',
        message: expect.stringMatching(/^a Go node has run in the storage directory since ponos did/),
        facts: { dir: folder.path, found },
        advice: expect.stringContaining('start once with --accept-fresh-state'),
      });
      const lines: LogLine[] = [];
      await start({ acceptFreshState: true, logger: recordingLogger(lines) });
      expect(lines.map(({ message }) => message)).toContainEqual(
        'a Go node has run in the storage directory meanwhile, as was accepted; nothing is known of what it did',
      );
      await start();
    });

    test('behavior: a first one that comes after us is noticed, too', async () => {
      await rm(folder.path, { recursive: true });
      await start();
      await manifest(1);
      await expect(start()).rejects.toMatchObject({ code: 'STORE_MISMATCH', facts: { found: 'MANIFEST' } });
    });

    test('behavior: its files may be copied and removed', async () => {
      await utimes(path.join(folder.path, 'MANIFEST'), 1, 1);
      await start();
      await rm(path.join(folder.path, 'MANIFEST'));
      await start();
    });

    test('behavior: a store from before this was noted goes on, and it is noted from then on', async () => {
      await rm(path.join(folder.path, 'level', 'ponos.badger'));
      await manifest(11);
      await start();
      await manifest(12);
      await expect(start()).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
    });
  });

  test('default: memory needs no directory', async () => {
    const store = await openStore(storage({ type: 'memory' }), 'aggregator');
    expect(await readSchema(store)).toMatchObject({ role: 'aggregator' });
    await store.batch([{ type: 'put', key: 'k', value: Uint8Array.of(1) }]);
    expect(await store.get('k')).toEqual(Uint8Array.of(1));
    await store.close();
  });
});
