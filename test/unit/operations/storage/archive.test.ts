import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type ArchiveHeader,
  encodeArchive,
  openArchive,
} from '../../../../src/operations/storage/archive.js';
import type { Entry } from '../../../../src/store/key-value-store.js';
import { collect, each } from '../../../support/storage-stage.js';

const HEADER: ArchiveHeader = {
  role: 'executor',
  schemaVersion: 1,
  createdAtMs: 1_700_000_000_000,
  writtenBy: '1.2.3',
};
const ENTRIES: Entry[] = [
  { key: 'answer/1/', value: Uint8Array.of(1, 2, 3) },
  { key: 'output/1/', value: new Uint8Array() },
];

async function encode(entries: readonly Entry[]): Promise<Buffer> {
  return Buffer.concat(await collect(encodeArchive(HEADER, each(entries))));
}

async function decode(...chunks: Uint8Array[]) {
  const { header, entries } = await openArchive(each(chunks));
  return { header, entries: await collect(entries) };
}

test('default: header and records come back, however the bytes are cut', async () => {
  const bytes = await encode(ENTRIES);
  const single = [...bytes].map((byte) => Uint8Array.of(byte));
  expect(await decode(bytes)).toEqual({ header: HEADER, entries: ENTRIES });
  expect(await decode(...single)).toEqual({ header: HEADER, entries: ENTRIES });
});

test('default: the bytes are as documented', async () => {
  const bytes = await encode(ENTRIES);
  const header = JSON.stringify(HEADER);
  expect(bytes.subarray(0, 8).toString()).toBe('PONOSBAK');
  expect(bytes.readUInt16BE(8)).toBe(1);
  expect(bytes.readUInt32BE(10)).toBe(header.length);
  let at = 14 + header.length;
  expect(bytes.subarray(14, at).toString()).toBe(header);
  expect(bytes.readUInt16BE(at)).toBe(9);
  expect(bytes.subarray(at + 2, at + 11).toString()).toBe('answer/1/');
  expect(bytes.readUInt32BE(at + 11)).toBe(3);
  at += 18 + 15;
  expect(bytes.readUInt16BE(at)).toBe(0);
  expect(bytes.readBigUInt64BE(at + 2)).toBe(2n);
  expect(bytes).toHaveLength(at + 10 + 32);
});

test('behavior: any records come back, an empty store too', async () => {
  const entry = fc.record({
    key: fc.stringMatching(/^[!-~]{1,40}$/),
    value: fc.uint8Array({ maxLength: 300 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 20 }), async (entries) => {
      expect((await decode(await encode(entries))).entries).toEqual(entries);
    }),
  );
});

test('behavior: large records are given in bounded pieces', async () => {
  const value = new Uint8Array(1_000_000).fill(7);
  const pieces = await collect(encodeArchive(HEADER, each([{ key: 'output/1/', value }])));
  expect(Math.max(...pieces.map(({ length }) => length))).toBe(256 * 1024);
  expect(await decode(...pieces)).toEqual({ header: HEADER, entries: [{ key: 'output/1/', value }] });
});

describe('error: damage', () => {
  test('every flipped byte is seen', async () => {
    const bytes = await encode(ENTRIES);
    for (let index = 0; index < bytes.length; index++) {
      const flipped = Buffer.from(bytes);
      flipped[index] = (flipped[index] ?? 0) ^ 0x01;
      await expect(decode(flipped)).rejects.toMatchObject({
        code: index === 8 || index === 9 ? 'STORE_MISMATCH' : 'ARCHIVE_INVALID',
      });
    }
  });

  test('cut off anywhere, it is seen', async () => {
    const bytes = await encode(ENTRIES);
    for (let length = 0; length < bytes.length; length++) {
      await expect(decode(bytes.subarray(0, length))).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    }
  });

  test('what follows the end is seen', async () => {
    await expect(decode(await encode(ENTRIES), Uint8Array.of(0))).rejects.toThrow(
      'something follows its end',
    );
  });

  test('another file is no backup', async () => {
    await expect(decode(Buffer.from('{"format":"ponos-store"}'))).rejects.toThrow('it is no backup of ponos');
  });
});
