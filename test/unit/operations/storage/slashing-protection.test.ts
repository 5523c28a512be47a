import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '../../../../src/base/brands.js';
import {
  encodeSlashingProtection,
  mergeSlashingProtection,
  parseSlashingProtection,
  type SignedTask,
} from '../../../../src/operations/storage/slashing-protection.js';
import { ANSWERED, answeredTasks, createExecutorStore } from '../../../../src/store/executor-store.js';
import type { KeyValueStore } from '../../../../src/store/key-value-store.js';
import { createMemoryStore } from '../../../../src/store/memory-store.js';
import { keysBelow } from '../../../../src/store/store-key.js';
import { collect, each } from '../../../support/storage-stage.js';

const OPERATOR = parseAddress(`0x${'0e'.repeat(20)}`);

function signed(n: number, changes: object = {}): SignedTask {
  const [task] = parseSlashingProtection(documentOf({ ...fieldsOf(n), ...changes })).answered;
  if (task === undefined) throw new Error('unreachable: one entry went in');
  return task;
}

const hex = (n: number, bytes: number) => `0x${n.toString(16).padStart(2 * bytes, '0')}`;
const fieldsOf = (n: number) => ({
  avs: hex(0xa5, 20),
  operatorSetId: 1,
  taskId: hex(n, 32),
  payloadHash: hex(100 + n, 32),
  outputHash: hex(200 + n, 32),
  createdAtMs: 1_700_000_000_000,
  deadlineSeconds: 1_700_000_600,
});
const documentOf = (...answered: unknown[]) =>
  JSON.stringify({ format: 'ponos-slashing-protection', version: 1, answered });

test('default: the text is as documented, and comes back', async () => {
  const answered = each([signed(1), signed(2)]);
  const text = (await collect(encodeSlashingProtection({ operator: OPERATOR, answered }))).join('');
  expect(text).toBe(
    [
      `{"format":"ponos-slashing-protection","version":1,"operator":"${OPERATOR}","answered":[`,
      `${JSON.stringify(fieldsOf(1))},`,
      JSON.stringify(fieldsOf(2)),
      ']}',
      '',
    ].join('\n'),
  );
  expect(parseSlashingProtection(text)).toEqual({
    operator: OPERATOR,
    answered: [fieldsOf(1), fieldsOf(2)],
  });
});

test('default: nothing signed is a document as well', async () => {
  const text = (await collect(encodeSlashingProtection({ operator: undefined, answered: each([]) }))).join(
    '',
  );
  expect(text).toBe('{"format":"ponos-slashing-protection","version":1,"answered":[\n]}\n');
  expect(parseSlashingProtection(text)).toEqual({ operator: undefined, answered: [] });
});

test('behavior: what is merged is known from then on, and once only', async () => {
  const values = createMemoryStore();
  const store = createExecutorStore(values);
  expect(await mergeSlashingProtection(store, [signed(1), signed(2), signed(2)])).toBe(2);
  expect(await mergeSlashingProtection(store, [signed(2), signed(3)])).toBe(1);
  const { payloadHash, outputHash } = signed(3);
  expect(await store.find(signed(3))).toMatchObject({ payloadHash, outputHash, output: undefined });
  expect(await collect(answeredTasks(values.scan(keysBelow(ANSWERED))))).toHaveLength(3);
});

test('behavior: of a task that is there twice, the longer time counts', async () => {
  const store = createExecutorStore(createMemoryStore());
  const [sooner, later] = [
    signed(1),
    signed(1, { createdAtMs: 1_600_000_000_000, deadlineSeconds: 1_700_009_000 }),
  ];
  expect(await mergeSlashingProtection(store, [later, sooner])).toBe(1);
  expect(await store.find(signed(1))).toMatchObject({
    createdAtMs: 1_600_000_000_000,
    deadlineSeconds: 1_700_009_000,
  });
});

test('behavior: a long document is one write, so that a node never starts on a part of it', async () => {
  const values = createMemoryStore();
  let batches = 0;
  const counted: KeyValueStore = {
    ...values,
    batch(operations) {
      batches += 1;
      return values.batch(operations);
    },
  };
  const tasks = Array.from({ length: 1_000 }, (_, n) => signed(n));
  expect(await mergeSlashingProtection(createExecutorStore(counted), tasks)).toBe(1_000);
  expect(batches).toBe(1);
});

describe('error: contradictions, upon which nothing is written', () => {
  test.each([
    ['another output', { outputHash: hex(999, 32) }],
    ['another payload', { payloadHash: hex(999, 32) }],
  ])('%s than the store has', async (_what, changes) => {
    const store = createExecutorStore(createMemoryStore());
    await mergeSlashingProtection(store, [signed(1)]);
    await expect(mergeSlashingProtection(store, [signed(2), signed(1, changes)])).rejects.toMatchObject({
      code: 'REQUEST_CONFLICT',
      facts: { taskId: hex(1, 32) },
    });
    expect(await store.find(signed(2))).toBeUndefined();
  });

  test('within the document', async () => {
    const store = createExecutorStore(createMemoryStore());
    const tasks = [signed(1), signed(1, { outputHash: hex(999, 32) })];
    await expect(mergeSlashingProtection(store, tasks)).rejects.toThrow('the document contradicts itself');
    expect(await store.find(signed(1))).toBeUndefined();
  });
});

describe('error: documents that are refused', () => {
  test.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['another format', JSON.stringify({ format: 'eip-3076', version: 1, answered: [] })],
    ['no list', JSON.stringify({ format: 'ponos-slashing-protection', version: 1 })],
    ['a malformed operator', JSON.stringify({ ...JSON.parse(documentOf(fieldsOf(1))), operator: '0x12' })],
    ['an entry that is none', documentOf(fieldsOf(1), null)],
    ['a short address', documentOf(fieldsOf(1), { ...fieldsOf(2), avs: '0x12' })],
    ['a missing hash', documentOf(fieldsOf(1), { ...fieldsOf(2), outputHash: undefined })],
    ['a number as text', documentOf(fieldsOf(1), { ...fieldsOf(2), operatorSetId: '1' })],
  ])('%s', (_what, text) => {
    expect(() => parseSlashingProtection(text)).toThrow(expect.objectContaining({ code: 'ARCHIVE_INVALID' }));
  });

  test('the entry is named', () => {
    expect(() => parseSlashingProtection(documentOf(fieldsOf(1), {}))).toThrow(
      expect.objectContaining({ facts: { entry: 1 } }),
    );
  });

  test('a newer format', () => {
    const text = JSON.stringify({ format: 'ponos-slashing-protection', version: 2, answered: [] });
    expect(() => parseSlashingProtection(text)).toThrow(expect.objectContaining({ code: 'STORE_MISMATCH' }));
  });
});
