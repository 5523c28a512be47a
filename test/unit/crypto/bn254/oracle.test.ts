/** Properties against @noble/curves, an implementation of its own. It is slow, so the runs are few. */
import { describe, expect, test } from '@jest/globals';
import { bn254 as noble } from '@noble/curves/bn254.js';
import fc from 'fast-check';
import { loadBn254 } from '../../../../src/crypto/bn254/bn254.js';
import { type G1Point, type G2Point, GROUP_ORDER } from '../../../../src/crypto/bn254/points.js';

const bn254 = await loadBn254();
const scalar = fc.bigInt({ min: 1n, max: GROUP_ORDER - 1n });
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const { G1, G2, fields } = noble;
const g1 = (point: { toAffine(): G1Point }): G1Point => {
  const { x, y } = point.toAffine();
  return { x, y };
};
const g2 = (point: { toAffine(): G2Point }): G2Point => {
  const { x, y } = point.toAffine();
  return { x: { c0: x.c0, c1: x.c1 }, y: { c0: y.c0, c1: y.c1 } };
};

describe('mcl and noble agree', () => {
  test('behavior: on public keys and signatures', () => {
    fc.assert(
      fc.property(scalar, digest, (secret, message) => {
        expect(bn254.derivePublicKey(secret)).toEqual({
          g1: g1(G1.Point.BASE.multiply(secret)),
          g2: g2(G2.Point.BASE.multiply(secret)),
        });
        const hash = G1.Point.fromAffine(bn254.hashToG1(message, 'solidity'));
        hash.assertValidity();
        const signature = bn254.parseSignature(bn254.sign(secret, message, 'solidity'));
        expect(signature).toEqual(g1(hash.multiply(secret)));
      }),
      { numRuns: 8 },
    );
  });

  test('behavior: on sums and differences', () => {
    fc.assert(
      fc.property(scalar, scalar, (a, b) => {
        const [keyA, keyB] = [bn254.derivePublicKey(a), bn254.derivePublicKey(b)];
        const [pointA, pointB] = [G1.Point.fromAffine(keyA.g1), G1.Point.fromAffine(keyB.g1)];
        expect(bn254.addG1([keyA.g1, keyB.g1])).toEqual(g1(pointA.add(pointB)));
        expect(bn254.subG1(keyA.g1, keyB.g1)).toEqual(g1(pointA.subtract(pointB)));
        expect(bn254.addG2([keyA.g2, keyB.g2])).toEqual(
          g2(G2.Point.BASE.multiply(a).add(G2.Point.BASE.multiply(b))),
        );
      }),
      { numRuns: 8 },
    );
  });

  test('behavior: on the pairing equation, true and false', () => {
    fc.assert(
      fc.property(scalar, digest, fc.boolean(), (secret, message, wrong) => {
        const key = bn254.derivePublicKey(secret).g2;
        const signer = wrong ? (secret === 1n ? 2n : secret - 1n) : secret;
        const signature = bn254.parseSignature(bn254.sign(signer, message, 'plain'));
        const product = noble.pairingBatch([
          { g1: G1.Point.fromAffine(signature), g2: G2.Point.BASE.negate() },
          { g1: G1.Point.fromAffine(bn254.hashToG1(message, 'plain')), g2: G2.Point.BASE.multiply(secret) },
        ]);
        const verified = bn254.verify(key, message, 'plain', signature);
        expect(verified).toBe(!wrong);
        expect(verified).toBe(fields.Fp12.eql(product, fields.Fp12.ONE));
      }),
      { numRuns: 3 },
    );
  });

  test('error: points of the twist outside the subgroup are refused', () => {
    const { Fp2 } = fields;
    const b = Fp2.sub(Fp2.sqr(G2.Point.BASE.y), Fp2.mul(Fp2.sqr(G2.Point.BASE.x), G2.Point.BASE.x));
    let found = 0;
    for (let c0 = 1n; found < 3; c0++) {
      const x = Fp2.create({ c0, c1: 1n });
      const square = Fp2.add(Fp2.mul(Fp2.sqr(x), x), b);
      let y: G2Point['y'];
      try {
        y = Fp2.sqrt(square);
      } catch {
        continue; // no point has this x
      }
      expect(Fp2.eql(Fp2.sqr(y), square)).toBe(true);
      expect(() => bn254.checkG2({ x, y })).toThrow(expect.objectContaining({ code: 'POINT_INVALID' }));
      found++;
    }
  });
});
