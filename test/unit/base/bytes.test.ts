import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseHex } from '../../../src/base/brands.js';
import { concatBytes, equalBytes, fromHex, padWord, toBigInt, toHex, word } from '../../../src/base/bytes.js';

describe('bytes', () => {
  test('behavior: hex there and back', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => equalBytes(fromHex(parseHex(toHex(bytes))), bytes)));
  });

  test('behavior: a part of a larger buffer is only that part', () => {
    expect(toHex(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))).toBe('0x0203');
  });

  test('behavior: words there and back, big-endian', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (value) => toBigInt(word(value)) === value),
    );
    expect(toHex(word(258))).toBe(`0x${'00'.repeat(30)}0102`);
    expect(toBigInt(new Uint8Array())).toBe(0n);
  });

  test('error: a number that does not fit a word', () => {
    expect(() => word(2n ** 256n)).toThrow(RangeError);
    expect(() => word(-1)).toThrow(RangeError);
  });

  test('behavior: shorter bytes are padded on the left', () => {
    expect(toHex(padWord(new Uint8Array([1, 2])))).toBe(`0x${'00'.repeat(30)}0102`);
    expect(padWord(new Uint8Array(32).fill(7))).toEqual(new Uint8Array(32).fill(7));
    expect(() => padWord(new Uint8Array(33))).toThrow(RangeError);
  });

  test('behavior: parts are joined in order, equality looks at content and length', () => {
    expect(concatBytes(new Uint8Array([1]), new Uint8Array(), new Uint8Array([2, 3]))).toEqual(
      new Uint8Array([1, 2, 3]),
    );
    expect(equalBytes(new Uint8Array([1]), new Uint8Array([1, 0]))).toBe(false);
  });
});
