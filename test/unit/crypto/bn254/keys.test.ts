import { describe, expect, test } from '@jest/globals';
import mcl from 'mcl-wasm';
import { toHex } from '../../../../src/base/bytes.js';
import { loadBn254 } from '../../../../src/crypto/bn254/bn254.js';
import { MclPoints } from '../../../../src/crypto/bn254/mcl-points.js';
import {
  encodeG1,
  encodeG2,
  FIELD_MODULUS,
  G1_GENERATOR,
  G2_GENERATOR,
  type G2Point,
  GROUP_ORDER,
  g2FromWords,
  g2ToWords,
} from '../../../../src/crypto/bn254/points.js';
import { hexBytes } from '../../../support/vector-bytes.js';
import { readVectors } from '../../../support/vectors.js';

const vectors = readVectors<{
  cases: {
    name: string;
    privateKeyHex: string;
    publicKeyBytes: string;
    g1UncompressedBytes: string;
    g2: { solidity: { X: [string, string]; Y: [string, string] } };
  }[];
  fromSeedLeadingZeroStripped: { privateKeyHex: string; publicKeyBytes: string }[];
  outOfRangeScalars: { privateKeyHex: string }[];
  newPublicKeyFromBytesEdge: { name: string; bytes: string }[];
}>('bn254-keys');
const bn254 = await loadBn254();
const pointInvalid = expect.objectContaining({ code: 'POINT_INVALID' });
const keyInvalid = expect.objectContaining({ code: 'KEY_INVALID' });

describe('derivePublicKey', () => {
  test.each(vectors.cases)('vector: both halves and the words of $name', (expected) => {
    const key = bn254.derivePublicKey(BigInt(expected.privateKeyHex));
    expect(toHex(encodeG2(key.g2))).toBe(expected.publicKeyBytes);
    expect(toHex(encodeG1(key.g1))).toBe(expected.g1UncompressedBytes);
    const { X, Y } = expected.g2.solidity;
    expect(g2ToWords(key.g2)).toEqual({ X: X.map(BigInt), Y: Y.map(BigInt) });
    expect(g2FromWords(g2ToWords(key.g2))).toEqual(key.g2);
    expect(bn254.parsePublicKey(hexBytes(expected.publicKeyBytes))).toEqual(key.g2);
    expect(bn254.isPair(key)).toBe(true);
  });

  test.each(vectors.fromSeedLeadingZeroStripped)('vector: a key of fewer than 32 bytes', (expected) => {
    const key = bn254.derivePublicKey(BigInt(expected.privateKeyHex));
    expect(toHex(encodeG2(key.g2))).toBe(expected.publicKeyBytes);
  });

  test.each([
    ...vectors.outOfRangeScalars.map(({ privateKeyHex }) => BigInt(privateKeyHex)),
    0n,
    -1n,
    GROUP_ORDER,
  ])('error: %d is no private key', (secret) => {
    expect(() => bn254.derivePublicKey(secret)).toThrow(keyInvalid);
    expect(() => bn254.sign(secret, new Uint8Array(32), 'solidity')).toThrow(keyInvalid);
  });
});

describe('isPair', () => {
  test('behavior: halves of different secrets are no pair', () => {
    const { g1 } = bn254.derivePublicKey(5n);
    const { g2 } = bn254.derivePublicKey(6n);
    expect(bn254.isPair({ g1, g2 })).toBe(false);
  });
});

describe('parsePublicKey', () => {
  const goodEdge = 'g2 128 bytes';

  test('vector: 128 bytes of G2 are the one form', () => {
    const bytes = hexBytes(
      vectors.newPublicKeyFromBytesEdge.find(({ name }) => name === goodEdge)?.bytes ?? '',
    );
    expect(encodeG2(bn254.parsePublicKey(bytes))).toEqual(bytes);
  });

  test.each(vectors.newPublicKeyFromBytesEdge.filter(({ name }) => name !== goodEdge))(
    'error: $name, whatever the Go parser makes of it',
    ({ bytes }) => {
      expect(() => bn254.parsePublicKey(hexBytes(bytes))).toThrow(pointInvalid);
    },
  );

  const good = encodeG2(G2_GENERATOR);
  test.each([
    ['infinity', new Uint8Array(128)],
    ['a trailing byte', Buffer.concat([good, Buffer.of(0)])],
    ['a missing byte', good.subarray(1)],
    ['a G1 point', encodeG1(G1_GENERATOR)],
    ['real part first', Buffer.concat([good.subarray(32, 64), good.subarray(0, 32), good.subarray(64)])],
  ])('error: %s', (_name, bytes) => {
    expect(() => bn254.parsePublicKey(bytes)).toThrow(pointInvalid);
  });

  test('error: a coordinate that is the right one plus p', () => {
    const { x, y } = G2_GENERATOR;
    expect(() => bn254.checkG2({ x: { c0: x.c0 + FIELD_MODULUS, c1: x.c1 }, y })).toThrow(pointInvalid);
    expect(() => bn254.checkG2({ x, y: { c0: y.c0, c1: y.c1 + FIELD_MODULUS } })).toThrow(pointInvalid);
  });

  test('error: a point of the curve that is outside the subgroup, however it comes', () => {
    const outside = outsideSubgroup();
    expect(() => bn254.parsePublicKey(encodeG2(outside))).toThrow(/not in the subgroup/);
    expect(() => bn254.checkG2(outside)).toThrow(pointInvalid);
    expect(() => bn254.isPair({ g1: G1_GENERATOR, g2: outside })).toThrow(pointInvalid);
    const digest = new Uint8Array(32).fill(1);
    const signature = bn254.sign(5n, digest, 'plain');
    expect(bn254.verifyBatch([{ publicKey: outside, digest, map: 'plain', signature }])).toEqual([0]);
  });

  test('behavior: a sum does not ask for the order of its summands, which takes a hundred times longer than to add them', () => {
    const outside = outsideSubgroup();
    expect(bn254.addG2([outside])).toEqual(outside);
  });

  test('error: a point off the curve is not even summed', () => {
    const { x, y } = G2_GENERATOR;
    expect(() => bn254.addG2([{ x, y: { ...y, c0: y.c0 + 1n } }])).toThrow(/not on the curve/);
  });
});

/** A point of y² = x³ + 3/(9+i), most of which are in no subgroup of the right order. */
function outsideSubgroup(): G2Point {
  const points = new MclPoints(mcl);
  const fp2 = (a: bigint, b: bigint) => {
    const element = new mcl.Fp2();
    element.set_a(points.fp(a));
    element.set_b(points.fp(b));
    return element;
  };
  const coefficient = mcl.div(fp2(3n, 0n), fp2(9n, 1n));
  for (let a = 1n; ; a += 1n) {
    const x = fp2(a, 1n);
    const [isSquare, y] = mcl.squareRoot(mcl.add(mcl.mul(mcl.sqr(x), x), coefficient));
    if (!isSquare) continue;
    const point = new mcl.G2();
    point.setX(x);
    point.setY(y);
    point.setZ(fp2(1n, 0n));
    return points.g2Value(point);
  }
}
