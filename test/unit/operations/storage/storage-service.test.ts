import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CallContext } from 'nice-grpc';
import { parseAddress, parseHash32, parseTaskId } from '../../../../src/base/brands.js';
import { systemClock } from '../../../../src/base/clock.js';
import { explain } from '../../../../src/base/error.js';
import { silentLogger } from '../../../../src/base/logger.js';
import { inspectArchive } from '../../../../src/operations/storage/archive.js';
import { parseSlashingProtection } from '../../../../src/operations/storage/slashing-protection.js';
import { withStorageNode } from '../../../../src/operations/storage/storage-node.js';
import { createStorageService } from '../../../../src/operations/storage/storage-service.js';
import { StorageServiceDefinition } from '../../../../src/rpc/generated/ponos/v1/storage.js';
import { type GrpcServer, startGrpcServer } from '../../../../src/rpc/server.js';
import { createExecutorStore } from '../../../../src/store/executor-store.js';
import type { LedgerStore } from '../../../../src/store/ledger-store.js';
import { createMemoryStore } from '../../../../src/store/memory-store.js';
import { encodeRecord } from '../../../../src/store/record-codec.js';
import { keysBelow } from '../../../../src/store/store-key.js';
import { claimStore, schemaOperation } from '../../../../src/store/store-schema.js';
import { collect } from '../../../support/storage-stage.js';

const never = new AbortController().signal;
const OUTPUT_BYTES = 3_000_000;
let store: LedgerStore;
let server: GrpcServer;

beforeEach(async () => {
  store = createMemoryStore();
  await claimStore(store, 'executor');
  await createExecutorStore(store).saveAnswer(
    {
      avs: parseAddress(`0x${'a5'.repeat(20)}`),
      operatorSetId: 1,
      taskId: parseTaskId(`0x${'7a'.repeat(32)}`),
    },
    {
      payloadHash: parseHash32(`0x${'01'.repeat(32)}`),
      output: new Uint8Array(OUTPUT_BYTES).fill(7),
      referenceTimestamp: 1_700_000_000,
      resultSignature: Uint8Array.of(1),
      authSignature: Uint8Array.of(2),
      createdAtMs: 1_700_000_000_000,
      deadlineSeconds: 1_700_000_600,
    },
  );
  server = await startGrpcServer({
    host: '0.0.0.0',
    port: 0,
    services: [
      {
        definition: StorageServiceDefinition,
        implementation: createStorageService({ store, dir: undefined, clock: systemClock }),
      },
    ],
    logger: silentLogger,
  });
});
afterEach(async () => {
  await server.close(0);
  await store.close();
});

const dial = <T>(action: Parameters<typeof withStorageNode<T>>[2], host = '127.0.0.1', signal = never) =>
  withStorageNode({ kind: 'node', address: `${host}:${server.port}` }, signal, action);

test('default: stats', async () => {
  expect(await dial((node) => node.stats())).toEqual({
    role: 'executor',
    schemaVersion: 1,
    namespaces: [
      { namespace: 'answer', records: 1, bytes: expect.any(Number) },
      { namespace: 'output', records: 1, bytes: expect.any(Number) },
      { namespace: 'schema', records: 1, bytes: expect.any(Number) },
    ],
    files: undefined,
    chains: [],
    tasks: {},
    oldestMs: 1_700_000_000_000,
    newestMs: 1_700_000_000_000,
    damaged: 0,
  });
});

test('default: a backup comes in bounded pieces, and is whole', async () => {
  await dial(async (node) => {
    const pieces = await collect(node.backup());
    expect(Math.max(...pieces.map(({ length }) => length))).toBe(256 * 1024);
    async function* again() {
      yield* pieces;
    }
    expect(await inspectArchive(again())).toMatchObject({ header: { role: 'executor' }, records: 3 });
  });
});

test('behavior: the backup is of one moment, whatever is written meanwhile', async () => {
  await dial(async (node) => {
    const stream = node.backup()[Symbol.asyncIterator]();
    const first = await stream.next();
    await store.batch([
      { type: 'put', key: 'output/zz/', value: encodeRecord('output/zz/', Uint8Array.of(1)) },
      { type: 'delete', key: 'schema/' },
    ]);
    async function* rest() {
      if (!first.done) yield first.value;
      for (let next = await stream.next(); !next.done; next = await stream.next()) yield next.value;
    }
    expect((await inspectArchive(rest())).records).toBe(3);
  });
});

test('default: an export, and what protects from slashing', async () => {
  await dial(async (node) => {
    const text = async (slashingProtection: boolean) =>
      Buffer.concat(await collect(node.export({ slashingProtection }))).toString();
    expect((await text(false)).trim().split('\n')).toHaveLength(4);
    expect(parseSlashingProtection(await text(true)).answered).toMatchObject([{ operatorSetId: 1 }]);
  });
});

test('error: a damaged record ends a backup, and is counted in the stats', async () => {
  await store.batch([{ type: 'put', key: 'output/bad/', value: Uint8Array.of(1, 2, 3) }]);
  await dial(async (node) => {
    await expect(collect(node.backup())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(node.stats()).resolves.toMatchObject({ damaged: 1 });
  });
});

test('error: an aggregator has signed nothing, which is no damage', async () => {
  await store.batch([schemaOperation({ version: 1, role: 'aggregator' })]);
  await dial(async (node) => {
    await expect(collect(node.export({ slashingProtection: true }))).rejects.toMatchObject({
      code: 'STORE_MISMATCH',
      message: expect.stringContaining('the store belongs to an aggregator'),
      advice: 'Name the management port of an executor.',
    });
    const error = await collect(node.export({ slashingProtection: true })).catch((reason: unknown) => reason);
    // In the node's words, once.
    expect(explain(error).match(/the store belongs to an aggregator/g)).toHaveLength(1);
  });
});

test('error: what was signed is not told without what has vanished', async () => {
  const signed = keysBelow('answer');
  const withHole: LedgerStore = {
    ...store,
    async *scan(range) {
      for await (const entry of store.scan(range))
        if (entry.key < signed.gte || entry.key >= signed.lt) yield entry;
    },
  };
  const service = createStorageService({ store: withHole, dir: undefined, clock: systemClock });
  const context = { peer: '127.0.0.1:1' } as CallContext;
  const text = service.export({ slashingProtection: true }, context) as AsyncIterable<unknown>;
  await expect(collect(text)).rejects.toMatchObject({
    code: 'STORE_CORRUPT',
    facts: { namespace: 'answer', found: 0, written: 1 },
  });
});

test('behavior: what was signed is told although something else is damaged', async () => {
  await store.batch([{ type: 'put', key: 'output/bad/', value: Uint8Array.of(1, 2, 3) }]);
  await dial(async (node) => {
    const text = Buffer.concat(await collect(node.export({ slashingProtection: true }))).toString();
    expect(parseSlashingProtection(text).answered).toHaveLength(1);
  });
});

test('error: a caller that gives up gets no more', async () => {
  const stop = new AbortController();
  await dial(
    async (node) => {
      const stream = node.backup()[Symbol.asyncIterator]();
      await stream.next();
      stop.abort();
      await expect(collect({ [Symbol.asyncIterator]: () => stream })).rejects.toMatchObject({
        code: 'ABORTED',
      });
    },
    '127.0.0.1',
    stop.signal,
  );
});

describe('error: only this machine is answered', () => {
  // Whom the loopback interface cannot be, and who is.
  test.each([
    ['10.0.0.7:4711', false],
    ['192.0.2.1:127', false],
    ['127.evil.example:1', false],
    ['2001:db8::1:4711', false],
    ['::ffff:10.0.0.7:4711', false],
    ['unknown', false],
    ['', false],
    ['127.0.0.1:4711', true],
    ['127.8.9.10:4711', true],
    ['::1:4711', true],
    ['[::1]:4711', true],
    ['::ffff:127.0.0.1:4711', true],
  ])('%s', async (peer, isAnswered) => {
    const service = createStorageService({ store, dir: undefined, clock: systemClock });
    const context = { peer } as CallContext;
    const calls = [
      () => service.getStats({}, context),
      () => collect(service.backup({}, context)),
      () => collect(service.export({ slashingProtection: false }, context)),
    ];
    for (const call of calls) {
      if (isAnswered) await expect(call()).resolves.toBeDefined();
      else await expect(call()).rejects.toMatchObject({ code: 'REQUEST_DENIED' });
    }
  });

  const outside = Object.values(networkInterfaces())
    .flat()
    .find((face) => face?.family === 'IPv4' && !face.internal)?.address;

  (outside === undefined ? test.skip : test)('through another interface', async () => {
    await dial(async (node) => {
      await expect(node.stats()).rejects.toMatchObject({ code: 'REQUEST_DENIED' });
      await expect(collect(node.backup())).rejects.toMatchObject({ code: 'REQUEST_DENIED' });
    }, outside);
  });
});
