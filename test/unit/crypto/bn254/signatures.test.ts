import { describe, expect, test } from '@jest/globals';
import { toHex } from '../../../../src/base/bytes.js';
import { loadBn254 } from '../../../../src/crypto/bn254/bn254.js';
import {
  encodeG1,
  encodeG2,
  FIELD_MODULUS,
  G1_GENERATOR,
  G1_INFINITY,
} from '../../../../src/crypto/bn254/points.js';
import { hexBytes } from '../../../support/vector-bytes.js';
import { readVectors } from '../../../support/vectors.js';

const vectors = readVectors<{
  single: {
    privateKeyHex: string;
    digest: string;
    publicKeyBytes: string;
    plainSignature: string;
    soliditySignature: string;
  }[];
  verify: {
    name: string;
    publicKeyBytes: string;
    digest: string;
    signature: string;
    parse: string;
    verifySolidity: boolean;
    verifyPlain: boolean;
  }[];
  aggregate: {
    n: number;
    digest: string;
    aggregateSignature: string;
    apkG2Bytes: string;
    apkG1: { x: string; y: string };
    signers: { privateKeyHex: string; publicKeyBytes: string; signature: string }[];
  }[];
}>('bn254-signatures');
const bn254 = await loadBn254();
const pointInvalid = expect.objectContaining({ code: 'POINT_INVALID' });

describe('sign and verify', () => {
  test.each(vectors.single)('vector: both signatures of $digest', (expected) => {
    const secret = BigInt(expected.privateKeyHex);
    const digest = hexBytes(expected.digest);
    expect(toHex(bn254.sign(secret, digest, 'plain'))).toBe(expected.plainSignature);
    expect(toHex(bn254.sign(secret, digest, 'solidity'))).toBe(expected.soliditySignature);
  });

  const strict = ['trailing byte 65', 'truncated 63', 'empty', 'ff64', 'non-canonical x (x+p)'];
  test.each(vectors.verify.filter(({ name }) => !strict.includes(name)))('vector: $name', (expected) => {
    const key = bn254.parsePublicKey(hexBytes(expected.publicKeyBytes));
    const signature = bn254.parseSignature(hexBytes(expected.signature));
    const digest = hexBytes(expected.digest);
    expect(bn254.verify(key, digest, 'solidity', signature)).toBe(expected.verifySolidity);
    expect(bn254.verify(key, digest, 'plain', signature)).toBe(expected.verifyPlain);
  });

  test.each(vectors.verify.filter(({ name }) => strict.includes(name)))(
    'error: a signature is refused for: $name',
    ({ signature }) => {
      expect(() => bn254.parseSignature(hexBytes(signature))).toThrow(pointInvalid);
    },
  );

  test.each([
    ['infinity', new Uint8Array(64)],
    ['a compressed point', new Uint8Array([0x80, ...new Uint8Array(30), 1])],
    ['a point off the curve', encodeG1({ x: 1n, y: 3n })],
    ['y of p plus the right one', encodeG1({ x: 1n, y: 2n + FIELD_MODULUS })],
  ])('error: a signature is refused for: %s', (_name, bytes) => {
    expect(() => bn254.parseSignature(bytes)).toThrow(pointInvalid);
  });

  test('error: verifying with a point that no parser lets pass throws', () => {
    const { g2 } = bn254.derivePublicKey(7n);
    const digest = new Uint8Array(32);
    expect(() => bn254.verify(g2, digest, 'plain', { x: 1n, y: 1n })).toThrow(pointInvalid);
    expect(() => bn254.verify(g2, digest, 'plain', G1_INFINITY)).toThrow(pointInvalid);
  });
});

describe('aggregates', () => {
  test.each(vectors.aggregate)('vector: $n signers', (expected) => {
    const digest = hexBytes(expected.digest);
    const keys = expected.signers.map(({ publicKeyBytes }) => bn254.parsePublicKey(hexBytes(publicKeyBytes)));
    const halves = expected.signers.map(
      ({ privateKeyHex }) => bn254.derivePublicKey(BigInt(privateKeyHex)).g1,
    );
    const signatures = expected.signers.map(({ signature }) => bn254.parseSignature(hexBytes(signature)));
    const sum = bn254.addG1(signatures);
    expect(toHex(encodeG1(sum))).toBe(expected.aggregateSignature);
    expect(toHex(encodeG2(bn254.addG2(keys)))).toBe(expected.apkG2Bytes);
    expect(bn254.addG1(halves)).toEqual({ x: BigInt(expected.apkG1.x), y: BigInt(expected.apkG1.y) });
    expect(bn254.verifyAggregate(keys, digest, 'solidity', sum)).toBe(true);
    expect(bn254.verifyAggregate(keys.slice(1), digest, 'solidity', sum)).toBe(false);
    expect(bn254.verifyAggregate(keys, digest, 'plain', sum)).toBe(false);
  });

  test('behavior: keys that cancel each other verify nothing, least of all infinity', () => {
    const { g2 } = bn254.derivePublicKey(7n);
    const negated = { x: g2.x, y: { c0: FIELD_MODULUS - g2.y.c0, c1: FIELD_MODULUS - g2.y.c1 } };
    const digest = new Uint8Array(32);
    expect(bn254.verifyAggregate([g2, negated], digest, 'plain', G1_INFINITY)).toBe(false);
    expect(bn254.verifyAggregate([g2, negated], digest, 'plain', G1_GENERATOR)).toBe(false);
    expect(bn254.verifyAggregate([], digest, 'plain', G1_INFINITY)).toBe(false);
  });

  test('behavior: the sum of nothing is infinity, and infinity adds nothing', () => {
    const point = bn254.derivePublicKey(9n);
    expect(bn254.addG1([])).toEqual(G1_INFINITY);
    expect(bn254.addG1([point.g1, G1_INFINITY])).toEqual(point.g1);
    expect(bn254.subG1(point.g1, point.g1)).toEqual(G1_INFINITY);
    expect(bn254.addG2([point.g2, { x: { c0: 0n, c1: 0n }, y: { c0: 0n, c1: 0n } }])).toEqual(point.g2);
  });
});
