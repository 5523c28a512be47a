import { describe, expect, test } from '@jest/globals';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { concatBytes, toBigInt, word } from '../../../src/base/bytes.js';
import { ecdsaAddress, recoverEcdsa, signEcdsa } from '../../../src/crypto/ecdsa.js';
import { EcdsaBatch, type EcdsaSigned } from '../../../src/crypto/ecdsa-batch.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { hexBytes } from '../../support/vector-bytes.js';
import { readVectors } from '../../support/vectors.js';

const ORDER = secp256k1.Point.Fn.ORDER;
const secretOf = (signer: number) => keccak256(word(signer + 1));

function signed(signer: number, message: number): EcdsaSigned {
  const digest = keccak256(word(message));
  const secret = secretOf(signer);
  return { signer: ecdsaAddress(secret), digest, signature: signEcdsa(secret, digest) };
}

/** A batch that has recovered the keys of these signers already. */
function knowing(...signers: readonly number[]): EcdsaBatch {
  const batch = new EcdsaBatch();
  expect(batch.verifyBatch(signers.map((signer) => signed(signer, 1_000)))).toEqual([]);
  return batch;
}

/** r, s and v of a signature, changed. */
function changed(
  { signature }: EcdsaSigned,
  change: (parts: { r: bigint; s: bigint; v: number }) => Partial<{ r: bigint; s: bigint; v: number }>,
): Uint8Array {
  const parts = {
    r: toBigInt(signature.subarray(0, 32)),
    s: toBigInt(signature.subarray(32, 64)),
    v: signature[64] ?? 0,
  };
  const { r, s, v } = { ...parts, ...change(parts) };
  return concatBytes(word(r), word(s), Uint8Array.of(v));
}

/** What recovery, one by one, says of the same items. */
const judgedAlone = (items: readonly EcdsaSigned[]) =>
  items.flatMap(({ signer, digest, signature }, index) => {
    try {
      return recoverEcdsa(digest, signature) === signer ? [] : [index];
    } catch {
      return [index];
    }
  });

/** Signatures of two signers who work together: the errors of their equations are e·G and -e·G. */
function cancellingPair(): EcdsaSigned[] {
  const { Fn, BASE } = secp256k1.Point;
  const made = (signer: number, nonce: bigint, s: (numerator: bigint) => bigint) => {
    const { x, y } = BASE.multiply(nonce).toAffine();
    const digest = keccak256(word(signer));
    const secret = secretOf(signer);
    const numerator = Fn.add(Fn.create(toBigInt(digest)), Fn.mul(x, Fn.create(toBigInt(secret))));
    const signature = concatBytes(word(x), word(s(numerator)), Uint8Array.of(y % 2n === 0n ? 27 : 28));
    return { numerator, item: { signer: ecdsaAddress(secret), digest, signature } };
  };
  const one = made(0, 11n, () => 12_345n);
  const error = Fn.sub(Fn.div(one.numerator, 12_345n), 11n);
  for (let nonce = 12n; ; nonce += 1n) {
    const two = made(1, nonce, (numerator) => Fn.div(numerator, Fn.sub(nonce, error)));
    // Half of all s are in the lower half of the order.
    if (toBigInt(two.item.signature.subarray(32, 64)) <= ORDER / 2n) return [one.item, two.item];
  }
}

const FORGERIES: readonly (readonly [string, (item: EcdsaSigned) => EcdsaSigned])[] = [
  [
    'the other v, over which r and s are still right',
    (i) => ({ ...i, signature: changed(i, ({ v }) => ({ v: 55 - v })) }),
  ],
  ['v 0 and 1', (i) => ({ ...i, signature: changed(i, ({ v }) => ({ v: v - 27 })) })],
  ['v 29 and 30', (i) => ({ ...i, signature: changed(i, ({ v }) => ({ v: v + 2 })) })],
  [
    'the s in the upper half with the v that fits it',
    (i) => ({ ...i, signature: changed(i, ({ s, v }) => ({ s: ORDER - s, v: 55 - v })) }),
  ],
  ['another s', (i) => ({ ...i, signature: changed(i, ({ s }) => ({ s: s > 1n ? s - 1n : s + 1n })) })],
  ['s 0', (i) => ({ ...i, signature: changed(i, () => ({ s: 0n })) })],
  ['r 0', (i) => ({ ...i, signature: changed(i, () => ({ r: 0n })) })],
  ['r the order', (i) => ({ ...i, signature: changed(i, () => ({ r: ORDER })) })],
  ['an r that is no x coordinate', (i) => ({ ...i, signature: changed(i, () => ({ r: 5n })) })],
  ['one byte more', (i) => ({ ...i, signature: concatBytes(i.signature, Uint8Array.of(0)) })],
  ['no bytes', (i) => ({ ...i, signature: new Uint8Array() })],
  ['another digest', (i) => ({ ...i, digest: keccak256(i.digest) })],
  ["somebody else's signature", (i) => ({ ...i, signature: signEcdsa(secretOf(77), i.digest) })],
];

describe('verifyBatch', () => {
  test('default: nothing bad among nothing, and among good ones, whether their keys are known or not', () => {
    const batch = new EcdsaBatch();
    const items = [0, 1, 2, 0, 1, 2].map((signer, index) => signed(signer, index));
    expect(batch.verifyBatch([])).toEqual([]);
    expect(batch.verifyBatch(items)).toEqual([]);
    expect(batch.verifyBatch(items)).toEqual([]);
  });

  test.each(FORGERIES)(
    'error: %s is refused of a known and of an unknown signer, and spoils no other',
    (_name, forge) => {
      const items = [signed(0, 0), forge(signed(1, 1)), signed(2, 2), forge(signed(3, 3)), signed(0, 4)];
      expect(judgedAlone(items)).toEqual([1, 3]);
      expect(knowing(0, 1, 2).verifyBatch(items)).toEqual([1, 3]);
      expect(new EcdsaBatch().verifyBatch(items)).toEqual([1, 3]);
    },
  );

  const vectors = readVectors<{
    cases: { address: string; digest: string; signature: string }[];
    verify: { name: string; address: string; digest: string; signature: string }[];
  }>('ecdsa-signatures');
  const itemOf = (vector: { address: string; digest: string; signature: string }): EcdsaSigned => ({
    signer: `0x${vector.address.toLowerCase().replace(/^0x/, '')}` as EcdsaSigned['signer'],
    digest: hexBytes(vector.digest),
    signature: hexBytes(vector.signature),
  });

  test('vector: what recovery takes and refuses, so do batches that know the keys', () => {
    const items = [...vectors.cases, ...vectors.verify].map(itemOf);
    const batch = new EcdsaBatch();
    const expected = judgedAlone(items);
    expect(batch.verifyBatch(items)).toEqual(expected);
    expect(batch.verifyBatch(items)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(0);
    expect(expected.length).toBeLessThan(items.length);
  });

  test('behavior: two signatures that are wrong by amounts that cancel are both named', () => {
    const batch = knowing(0, 1);
    const pair = cancellingPair();
    // The attack is real: with equal coefficients the pair passes.
    const ones = (count: number) =>
      Uint8Array.from({ length: count }, (_, index) => (index % 8 === 7 ? 1 : 0));
    expect(batch.verifyBatch(pair, ones)).toEqual([]);
    expect(judgedAlone(pair)).toEqual([0, 1]);
    expect(batch.verifyBatch([signed(0, 5), ...pair])).toEqual([1, 2]);
  });

  test('behavior: every signature gets a coefficient of its own, and zero is drawn again', () => {
    const draws: number[] = [];
    const zeros = (count: number) => {
      draws.push(count);
      return draws.length === 1 ? new Uint8Array(count) : new Uint8Array(count).fill(draws.length);
    };
    const items = [signed(0, 0), { ...signed(1, 1), digest: keccak256(word(9)) }, signed(0, 2)];
    expect(knowing(0, 1).verifyBatch(items, zeros)).toEqual([1]);
    expect(draws).toEqual([24, 8, 8, 8]);
  });

  test('behavior: exactly what recovery refuses is named, for any mix of signers, messages and forgeries', () => {
    const forgeries = [(item: EcdsaSigned) => item, ...FORGERIES.map(([, forge]) => forge)];
    const item = fc.record({
      signer: fc.integer({ min: 0, max: 3 }),
      message: fc.integer({ min: 0, max: 3 }),
      forge: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(forgeries.length - 1)),
    });
    const batch = knowing(0, 1);
    fc.assert(
      fc.property(fc.array(item, { maxLength: 10 }), (plan) => {
        const items = plan.map(({ signer, message, forge }) =>
          (forgeries[forge] ?? ((each) => each))(signed(signer, message)),
        );
        expect(batch.verifyBatch(items)).toEqual(judgedAlone(items));
      }),
      { numRuns: 15 },
    );
  });
});
