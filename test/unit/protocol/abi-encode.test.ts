import { describe, expect, test } from '@jest/globals';
import { AbiCoder } from 'ethers';
import fc from 'fast-check';
import { toHex } from '../../../src/base/bytes.js';
import {
  abiArray,
  abiBytes,
  abiEncode,
  abiTuple,
  abiUint,
  abiWord,
} from '../../../src/protocol/abi-encode.js';

const coder = AbiCoder.defaultAbiCoder();
const bytes = fc.uint8Array({ maxLength: 100 });
const uint = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });

describe('abiEncode', () => {
  test('behavior: static and dynamic arguments, nested tuples and arrays are as ethers encodes them', () => {
    const entry = fc.record({ id: uint, proof: bytes, weights: fc.array(uint, { maxLength: 4 }) });
    fc.assert(
      fc.property(uint, bytes, fc.array(entry, { maxLength: 5 }), (first, blob, entries) => {
        const ours = abiEncode([
          abiUint(first),
          abiTuple([abiUint(1), abiUint(2)]),
          abiBytes(blob),
          abiTuple([
            abiArray(
              entries.map(({ id, proof, weights }) =>
                abiTuple([abiUint(id), abiBytes(proof), abiTuple([abiArray(weights.map(abiUint))])]),
              ),
            ),
          ]),
        ]);
        const theirs = coder.encode(
          ['uint256', 'uint256[2]', 'bytes', 'tuple(tuple(uint256,bytes,tuple(uint256[]))[])'],
          [first, [1, 2], blob, [entries.map(({ id, proof, weights }) => [id, proof, [weights]])]],
        );
        expect(toHex(ours)).toBe(theirs);
      }),
    );
  });

  test('behavior: short words are left-padded, as addresses are', () => {
    const address = '0x00000000000000000000000000000000000000ff';
    expect(toHex(abiEncode([abiWord(Uint8Array.of(0xff))]))).toBe(coder.encode(['address'], [address]));
  });

  test('error: a number outside 256 bits', () => {
    expect(() => abiUint(-1)).toThrow(RangeError);
    expect(() => abiUint(2n ** 256n)).toThrow(RangeError);
  });
});
