import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeJsonRecord,
  decodeRecord,
  encodeJsonRecord,
  encodeRecord,
} from '../../../src/store/record-codec.js';

const corrupt = (key: string) => expect.objectContaining({ code: 'STORE_CORRUPT', facts: { key } });

describe('record envelope', () => {
  test('behavior: bytes come back as they were', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array(), (key, content) => {
        expect(decodeRecord(key, encodeRecord(key, content))).toEqual(content);
      }),
    );
  });

  test('behavior: its bytes are pinned, since stores outlive versions', () => {
    expect(Buffer.from(encodeRecord('task/1/', Uint8Array.of(1, 2, 3))).toString('hex')).toBe(
      '01eb0485b1f2240581010203',
    );
  });

  test('error: any flipped bit, any cut, and any other key is noticed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(), fc.nat(7), (content, position, bit) => {
        const record = encodeRecord('a/1/', content);
        const flipped = record.slice();
        const at = position % record.length;
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        expect(() => decodeRecord('a/1/', flipped)).toThrow(corrupt('a/1/'));
        expect(() => decodeRecord('a/1/', record.subarray(0, at))).toThrow(corrupt('a/1/'));
        expect(() => decodeRecord('a/2/', record)).toThrow(corrupt('a/2/'));
      }),
    );
  });

  test('behavior: JSON values come back as they were', () => {
    const value = { n: 1, list: ['a', true, null], nested: { text: 'ä' } };
    expect(decodeJsonRecord('k/', encodeJsonRecord('k/', value))).toEqual(value);
  });

  test('error: a whole record that is not JSON', () => {
    expect(() => decodeJsonRecord('k/', encodeRecord('k/', Uint8Array.of(0x7b)))).toThrow(corrupt('k/'));
  });
});
