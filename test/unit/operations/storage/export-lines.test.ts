import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseAddress } from '../../../../src/base/brands.js';
import {
  type ExportHeader,
  encodeExport,
  openExport,
} from '../../../../src/operations/storage/export-lines.js';
import type { Entry } from '../../../../src/store/key-value-store.js';
import { encodeJsonRecord, encodeRecord } from '../../../../src/store/record-codec.js';
import { storeKey } from '../../../../src/store/store-key.js';
import { decodeSchema } from '../../../../src/store/store-schema.js';
import { collect, each } from '../../../support/storage-stage.js';

const HEADER: ExportHeader = { role: 'aggregator', operator: undefined, schemaVersion: 1 };
const SCHEMA: Entry = {
  key: 'schema/',
  value: encodeJsonRecord('schema/', { version: 1, role: 'aggregator' }),
};
const TEXT = [
  '{"format":"ponos-store","version":1,"role":"aggregator","schemaVersion":1}',
  '{"namespace":"cursor","key":[31337],"type":"json","value":{"number":7,"hash":"0xaa"}}',
  '{"namespace":"open","key":[31337,"0xbb"],"type":"json","value":true}',
  '{"namespace":"payload","key":[31337,"0xbb"],"type":"bytes","value":"0x7b7d"}',
  '{"records":3}',
  '',
];

function json(key: string, value: unknown): Entry {
  return { key, value: encodeJsonRecord(key, value) };
}

const PAYLOAD_KEY = storeKey('payload', 31_337, '0xbb');
const ENTRIES: Entry[] = [
  json(storeKey('cursor', 31_337), { number: 7, hash: '0xaa' }),
  json(storeKey('open', 31_337, '0xbb'), true),
  // Bytes that happen to be JSON stay bytes.
  { key: PAYLOAD_KEY, value: encodeRecord(PAYLOAD_KEY, new TextEncoder().encode('{}')) },
  SCHEMA,
];

async function encode(entries: readonly Entry[]): Promise<string> {
  return (await collect(encodeExport(HEADER, each(entries)))).join('');
}

async function decode(text: string, pieceLength = 1 << 20) {
  const bytes = Buffer.from(text);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceLength) pieces.push(bytes.subarray(at, at + pieceLength));
  const { header, entries } = await openExport(each(pieces));
  return { header, entries: await collect(entries) };
}

test('default: the lines are as documented', async () => {
  expect(await encode(ENTRIES)).toBe(TEXT.join('\n'));
});

test('default: an executor’s names its operator, and so does the store that is made of it', async () => {
  const operator = parseAddress(`0x${'0e'.repeat(20)}`);
  const text = (await collect(encodeExport({ ...HEADER, role: 'executor', operator }, each([])))).join('');
  expect(text.split('\n')[0]).toBe(
    `{"format":"ponos-store","version":1,"role":"executor","operator":"${operator}","schemaVersion":1}`,
  );
  const { header, entries } = await decode(text);
  expect(header).toEqual({ role: 'executor', operator, schemaVersion: 1 });
  expect(entries.map(({ value }) => decodeSchema(value))).toEqual([
    { version: 1, role: 'executor', operator },
  ]);
  await expect(decode(text.replace(operator, '0x12'))).rejects.toMatchObject({
    code: 'ARCHIVE_INVALID',
    facts: { line: 1 },
  });
});

test('default: the records come back, with the one that says what the store is', async () => {
  const [schema, ...records] = [SCHEMA, ...ENTRIES.slice(0, -1)];
  expect(await decode(TEXT.join('\n'), 5)).toEqual({ header: HEADER, entries: [schema, ...records] });
});

test('behavior: a number that JSON would round, and what is no JSON, travel as bytes', async () => {
  const contents = ['{"wei":123456789012345678901234567890}', ' 1', '"\ud800"', 'not JSON'];
  for (const [index, content] of contents.entries()) {
    const key = storeKey('other', index);
    const entry = { key, value: encodeRecord(key, new TextEncoder().encode(content)) };
    expect((await decode(await encode([entry]))).entries).toEqual([SCHEMA, entry]);
  }
});

test('behavior: any records come back as they were', async () => {
  const part = fc.oneof(fc.stringMatching(/^[!-.0-~]{1,20}$/), fc.nat());
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.jsonValue().map((value) => new TextEncoder().encode(JSON.stringify(value))),
  );
  const record = fc.tuple(fc.stringMatching(/^[a-z-]{1,10}$/), fc.array(part, { maxLength: 4 }), content);
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 20 }), async (records) => {
      const byKey = new Map(
        records.map(([namespace, parts, bytes]) => {
          const key = storeKey(namespace, ...parts);
          return [key, { key, value: encodeRecord(key, bytes) }];
        }),
      );
      byKey.delete(SCHEMA.key);
      const entries = [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
      expect((await decode(await encode(entries), 7)).entries).toEqual([SCHEMA, ...entries]);
    }),
  );
});

describe('error: what is refused', () => {
  const without = (index: number) => TEXT.filter((_, line) => line !== index).join('\n');
  const replaced = (index: number, line: string) => TEXT.with(index, line).join('\n');

  test.each([
    ['an empty file', '', 'it is empty'],
    ['another first line', without(0), 'its first line is not that of an export'],
    ['a missing record', without(2), 'records are missing'],
    ['a missing end', without(4), 'its last line, with the number of records, is missing'],
    ['a record twice', replaced(2, TEXT[1] ?? ''), 'a record is out of order or there twice'],
    ['no JSON', replaced(1, '{"namespace":'), 'a line is not JSON'],
    ['no object', replaced(1, '7'), 'a line is no JSON object'],
    ['a missing key', replaced(1, '{"namespace":"cursor"}'), 'a key is missing'],
    [
      'a key of something else',
      replaced(1, '{"namespace":"cursor","key":[true],"type":"json","value":1}'),
      'a key is missing or malformed',
    ],
    [
      'bytes that are no hex',
      replaced(3, '{"namespace":"payload","key":[1],"type":"bytes","value":"xyz"}'),
      'malformed',
    ],
    ['another type', replaced(1, '{"namespace":"cursor","key":[1],"type":"yaml","value":1}'), 'malformed'],
    [
      'a key part with a slash',
      replaced(1, '{"namespace":"a/b","key":[],"type":"json","value":1}'),
      'malformed',
    ],
    [
      'what the store keeps of itself',
      replaced(3, '{"namespace":"~ledger","key":[],"type":"json","value":1}'),
      'is not imported',
    ],
    ['something behind the end', `${TEXT.join('\n')}{}`, 'something follows its last line'],
  ])('%s', async (_what, text, message) => {
    const refused = decode(text);
    await expect(refused).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    await expect(refused).rejects.toThrow(message);
  });

  test('a newer format', async () => {
    const text = replaced(0, (TEXT[0] ?? '').replace('"version":1', '"version":2'));
    await expect(decode(text)).rejects.toMatchObject({ code: 'STORE_MISMATCH' });
  });

  test('a line is named', async () => {
    await expect(decode(replaced(2, '!'))).rejects.toMatchObject({ facts: { line: 3 } });
  });
});
