import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  blockNumber,
  chainId,
  operatorSetKey,
  parseAddress,
  parseHash32,
  parseHex,
  parseTaskId,
} from '../../../src/base/brands.js';

const bytes = (count: number) => fc.uint8Array({ minLength: count, maxLength: count });

describe('addresses, task ids, hashes', () => {
  test('behavior: every spelling of an address is one text', () => {
    fc.assert(
      fc.property(bytes(20), fc.infiniteStream(fc.boolean()), (address, upper) => {
        const lower = Buffer.from(address).toString('hex');
        const mixed = [...lower].map((digit) => (upper.next().value ? digit.toUpperCase() : digit)).join('');
        expect(parseAddress(`0x${mixed}`)).toBe(`0x${lower}`);
        expect(parseAddress(`0X${mixed}`)).toBe(`0x${lower}`);
      }),
    );
  });

  test.each([
    '',
    '0x',
    'ab'.repeat(20),
    `0x${'a'.repeat(39)}`,
    `0x${'a'.repeat(41)}`,
    `0x${'g'.repeat(40)}`,
    ` 0x${'a'.repeat(40)}`,
  ])('error: %j is no address', (text) => {
    expect(() => parseAddress(text)).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID', message: 'an address must be 0x and 40 hex digits' }),
    );
  });

  test('behavior: task ids and hashes have 32 bytes', () => {
    const text = `0x${'Ab'.repeat(32)}`;
    expect(parseTaskId(text)).toBe(text.toLowerCase());
    expect(parseHash32(text)).toBe(text.toLowerCase());
    expect(() => parseTaskId(text.slice(0, -2))).toThrow('a task id must be 0x and 64 hex digits');
    expect(() => parseHash32(`${text}00`)).toThrow('a 32-byte hash must be 0x and 64 hex digits');
  });

  test('behavior: hex has whole bytes, none is allowed', () => {
    expect(parseHex('0x')).toBe('0x');
    expect(parseHex('0xABCD')).toBe('0xabcd');
    for (const text of ['', 'abcd', '0xabc', '0xzz'])
      expect(() => parseHex(text)).toThrow('even number of hex digits');
  });

  test('behavior: the key of an operator set names AVS and id', () => {
    expect(operatorSetKey({ avs: parseAddress(`0x${'1'.repeat(40)}`), id: 7 })).toBe(`0x${'1'.repeat(40)}/7`);
  });
});

describe('whole numbers', () => {
  test('behavior: chain ids begin at 1, block numbers at 0', () => {
    expect(chainId(1n)).toBe(1);
    expect(blockNumber(0)).toBe(0);
    expect(() => chainId(0)).toThrow('a chain id must be a whole number of at least 1');
    expect(() => blockNumber(-1)).toThrow('a block number must be a whole number of at least 0');
  });

  test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 53n])(
    'error: %p is no block number',
    (value) => {
      expect(() => blockNumber(value)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }));
    },
  );
});
