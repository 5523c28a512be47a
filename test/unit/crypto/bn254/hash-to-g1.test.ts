import { describe, expect, test } from '@jest/globals';
import { toHex } from '../../../../src/base/bytes.js';
import { loadBn254 } from '../../../../src/crypto/bn254/bn254.js';
import { encodeG1 } from '../../../../src/crypto/bn254/points.js';
import { hexBytes } from '../../../support/vector-bytes.js';
import { readVectors } from '../../../support/vectors.js';

interface Point {
  x: string;
  y: string;
}
interface PlainCase {
  plainBytes: string;
  plainIntermediate: { u0: string; u1: string; q0: Point; q1: Point };
}
const vectors = readVectors<{
  cases: (PlainCase & { name: string; digest: string; solidityBytes: string })[];
  plainArbitraryLength: (PlainCase & { message: string })[];
}>('bn254-hash-to-g1');
const bn254 = await loadBn254();

const point = ({ x, y }: Point) => ({ x: BigInt(x), y: BigInt(y) });

function expectPlainSteps(message: Uint8Array, expected: PlainCase): void {
  const { u0, u1, q0, q1 } = expected.plainIntermediate;
  const steps = bn254.plainHashSteps(message);
  expect(steps).toMatchObject({ u0: BigInt(u0), u1: BigInt(u1), q0: point(q0), q1: point(q1) });
  expect(toHex(encodeG1(steps.point))).toBe(expected.plainBytes);
  expect(bn254.hashToG1(message, 'plain')).toEqual(steps.point);
}

describe('hash to G1', () => {
  test.each(vectors.cases)('vector: solidity map of $name $digest', ({ digest, solidityBytes }) => {
    expect(toHex(encodeG1(bn254.hashToG1(hexBytes(digest), 'solidity')))).toBe(solidityBytes);
  });

  test.each(vectors.cases)('vector: plain map and its steps for $name $digest', (expected) => {
    expectPlainSteps(hexBytes(expected.digest), expected);
  });

  test.each(vectors.plainArbitraryLength)('vector: plain map of a message of any length', (expected) => {
    expectPlainSteps(hexBytes(expected.message), expected);
  });

  test.each([0, 31, 33])('error: the solidity map refuses %d bytes', (length) => {
    expect(() => bn254.hashToG1(new Uint8Array(length), 'solidity')).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    );
  });
});
