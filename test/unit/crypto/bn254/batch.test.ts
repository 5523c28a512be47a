import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes, word } from '../../../../src/base/bytes.js';
import { loadBn254, type SignedDigest } from '../../../../src/crypto/bn254/bn254.js';
import type { HashMap } from '../../../../src/crypto/bn254/hash-to-g1.js';
import { encodeG1, FIELD_MODULUS, G1_GENERATOR, G1_INFINITY } from '../../../../src/crypto/bn254/points.js';
import { keccak256 } from '../../../../src/crypto/keccak.js';

const bn254 = await loadBn254();

function signed(secret: bigint, message: number, map: HashMap): SignedDigest {
  const digest = keccak256(word(message));
  const signature = bn254.sign(secret, digest, map);
  return { publicKey: bn254.derivePublicKey(secret).g2, digest, map, signature };
}

const pointOf = ({ signature }: SignedDigest) => bn254.parseSignature(signature);
const spoil = (item: SignedDigest): SignedDigest => ({
  ...item,
  signature: encodeG1(bn254.addG1([pointOf(item), G1_GENERATOR])),
});

/** One result and one identity signature per operator, as the aggregator collects them. */
function taskResponses(operators: number): SignedDigest[] {
  return Array.from({ length: operators }, (_, index) => [
    signed(BigInt(index + 1), 0, 'solidity'),
    signed(BigInt(index + 1), index + 1, 'plain'),
  ]).flat();
}

describe('verifyBatch', () => {
  test('default: nothing bad among nothing, and among good ones', () => {
    expect(bn254.verifyBatch([])).toEqual([]);
    expect(bn254.verifyBatch(taskResponses(5))).toEqual([]);
  });

  test('behavior: a cancelling pair is named, both of it', () => {
    const items = taskResponses(4);
    const shift = bn254.hashToG1(word(99), 'solidity');
    const [first, , second] = items;
    if (first === undefined || second === undefined) throw new Error('four operators have items');
    items[0] = { ...first, signature: encodeG1(bn254.addG1([pointOf(first), shift])) };
    items[2] = { ...second, signature: encodeG1(bn254.subG1(pointOf(second), shift)) };
    expect(
      bn254.verifyAggregate(
        items.filter((item) => item.map === 'solidity').map((item) => item.publicKey),
        first.digest,
        'solidity',
        bn254.addG1(items.filter((item) => item.map === 'solidity').map(pointOf)),
      ),
    ).toBe(true);
    expect(bn254.verifyBatch(items)).toEqual([0, 2]);
  });

  test('behavior: swapped signatures of one operator are named, although their sum is right', () => {
    const [result, identity] = taskResponses(1);
    if (result === undefined || identity === undefined) throw new Error('one operator has two items');
    const swapped = [
      { ...result, signature: identity.signature },
      { ...identity, signature: result.signature },
    ];
    expect(bn254.verifyBatch(swapped)).toEqual([0, 1]);
  });

  test('behavior: the same digest under the other map is another message', () => {
    const item = signed(3n, 1, 'solidity');
    expect(bn254.verifyBatch([item, { ...item, map: 'plain' }])).toEqual([1]);
  });

  test('behavior: a point that no parser lets pass is bad, and spoils no other', () => {
    const items = taskResponses(2);
    const [first] = items;
    if (first === undefined) throw new Error('two operators have items');
    const offCurve = { ...first, signature: encodeG1({ x: 1n, y: 1n }) };
    const infinity = { ...first, signature: encodeG1(G1_INFINITY) };
    const tooLarge = { ...first, signature: concatBytes(word(FIELD_MODULUS + 1n), word(2n)) };
    const tooLong = { ...first, signature: concatBytes(first.signature, Uint8Array.of(0)) };
    const keyless = { ...first, publicKey: { x: { c0: 1n, c1: 1n }, y: { c0: 1n, c1: 1n } } };
    const batch = [offCurve, ...items, infinity, keyless, tooLarge, tooLong];
    expect(bn254.verifyBatch(batch)).toEqual([0, 5, 6, 7, 8]);
  });

  test('behavior: more signatures on one message than one call of mcl sums', () => {
    const good = Object.freeze(signed(7n, 0, 'solidity'));
    const items = Array.from({ length: 1_030 }, () => good);
    expect(bn254.verifyBatch(items)).toEqual([]);
    items[1_027] = Object.freeze(spoil(good));
    expect(bn254.verifyBatch(items)).toEqual([1_027]);
  });

  test('behavior: a zero coefficient is drawn again', () => {
    const draws = [new Uint8Array(8), new Uint8Array(8).fill(1)];
    const item = spoil(signed(3n, 1, 'solidity'));
    expect(bn254.verifyBatch([item], () => draws.shift() ?? new Uint8Array(8).fill(2))).toEqual([0]);
    expect(draws).toEqual([]);
  });

  test('behavior: exactly the spoiled ones are named, for any mix of keys, messages and maps', () => {
    const item = fc.record({
      secret: fc.integer({ min: 1, max: 4 }),
      message: fc.integer({ min: 0, max: 3 }),
      map: fc.constantFrom<HashMap>('solidity', 'plain'),
      bad: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 12 }), (plan) => {
        const items = plan.map(({ secret, message, map, bad }) => {
          const good = signed(BigInt(secret), message, map);
          return bad ? spoil(good) : good;
        });
        const expected = plan.flatMap(({ bad }, index) => (bad ? [index] : []));
        expect(bn254.verifyBatch(items)).toEqual(expected);
      }),
      { numRuns: 15 },
    );
  });
});
