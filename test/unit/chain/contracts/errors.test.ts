import { describe, expect, test } from '@jest/globals';
import { AbiCoder } from 'ethers';
import { parseHex } from '../../../../src/base/brands.js';
import { decodeRevert, revertedError, revertName } from '../../../../src/chain/contracts/errors.js';

const word = (value: number) => value.toString(16).padStart(64, '0');

describe('decodeRevert', () => {
  test('default: names an error of the contracts with its arguments', () => {
    expect(decodeRevert(parseHex(`0x81236312${word(1)}${word(2)}`))).toEqual({
      text: 'InvalidTaskStatus(1, 2)',
      name: 'InvalidTaskStatus',
      selector: '0x81236312',
    });
  });

  test('behavior: reads a require with a sentence', () => {
    const data = `0x08c379a0${AbiCoder.defaultAbiCoder().encode(['string'], ['not today']).slice(2)}`;
    expect(decodeRevert(parseHex(data)).text).toBe('Error(not today)');
  });

  test.each([
    ['of nobody', '0xdeadbeef'],
    ['known, with cut-off arguments', '0x81236312'],
  ])('behavior: keeps the selector of an error %s', (_case, data) => {
    expect(decodeRevert(parseHex(data))).toEqual({ text: undefined, name: undefined, selector: data });
  });

  test.each([undefined, parseHex('0x'), parseHex('0x1234')])(
    'behavior: has nothing to say about %s',
    (data) => {
      expect(decodeRevert(data).selector).toBeUndefined();
    },
  );
});

describe('revertedError', () => {
  test('default: carries the name', () => {
    const error = revertedError(parseHex('0x59fa4a93'));
    expect(error.message).toBe('the contract call reverted with ThresholdNotMet()');
    expect(revertName(error)).toBe('ThresholdNotMet');
  });

  test('behavior: carries selector and data of an error it does not know', () => {
    const error = revertedError(parseHex('0xdeadbeef00'));
    expect(error.facts).toMatchObject({ selector: '0xdeadbeef', data: '0xdeadbeef00' });
    expect(revertName(error)).toBeUndefined();
  });
});
