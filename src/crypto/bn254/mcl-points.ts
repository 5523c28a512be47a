/**
 * Between plain values (points.ts) and the objects of mcl-wasm. mcl's own serialisation is compressed
 * and little-endian, so points cross by their coordinates.
 */
import type { Fp, Fr, G1, G2, Fp2 as MclFp2 } from 'mcl-wasm';
import { toBigInt, word } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import { FIELD_MODULUS, type Fp2, G1_INFINITY, type G1Point, G2_INFINITY, type G2Point } from './points.js';

/** The initialised module. */
export type Mcl = typeof import('mcl-wasm');

export class MclPoints {
  readonly mcl: Mcl;
  readonly one: Fp;

  constructor(mcl: Mcl) {
    this.mcl = mcl;
    this.one = this.fp(1n);
    // A switch of the whole module: with it on, every look at a point of G2 would cost the check of its order.
    mcl.verifyOrderG2(false);
  }

  /** A field element. mcl reduces silently, so values of p and above are refused here. */
  fp(value: bigint): Fp {
    if (value < 0n || value >= FIELD_MODULUS)
      throw invalidPoint('a coordinate is not below the field modulus');
    const element = new this.mcl.Fp();
    element.setBigEndianMod(word(value));
    return element;
  }

  /** A scalar; the caller has brought it below the group order. */
  fr(value: bigint): Fr {
    const scalar = new this.mcl.Fr();
    scalar.setBigEndianMod(word(value));
    return scalar;
  }

  /** @throws PonosError POINT_INVALID when off the curve; infinity passes */
  g1({ x, y }: G1Point): G1 {
    const point = new this.mcl.G1();
    if (x === 0n && y === 0n) return point;
    point.setX(this.fp(x));
    point.setY(this.fp(y));
    point.setZ(this.one);
    if (!point.isValid()) throw invalidPoint('a G1 point is not on the curve');
    return point;
  }

  /**
   * Says nothing about the subgroup, which is a hundred times dearer to know; see `requireSubgroup`.
   * @throws PonosError POINT_INVALID when off the curve; infinity passes
   */
  g2({ x, y }: G2Point): G2 {
    const point = new this.mcl.G2();
    if (x.c0 === 0n && x.c1 === 0n && y.c0 === 0n && y.c1 === 0n) return point;
    point.setX(this.#fp2(x));
    point.setY(this.#fp2(y));
    point.setZ(this.#fp2({ c0: 1n, c1: 0n }));
    if (!point.isValid()) throw invalidPoint('a G2 point is not on the curve');
    return point;
  }

  /** @param point on the curve. @throws PonosError POINT_INVALID outside the subgroup */
  requireSubgroup(point: G2): G2 {
    if (!point.isValidOrder()) throw invalidPoint('a G2 point is not in the subgroup');
    return point;
  }

  fpValue(element: Fp): bigint {
    return toBigInt(element.serialize().reverse());
  }

  g1Value(point: G1): G1Point {
    if (point.isZero()) return G1_INFINITY;
    const affine = this.mcl.normalize(point);
    return { x: this.fpValue(affine.getX()), y: this.fpValue(affine.getY()) };
  }

  g2Value(point: G2): G2Point {
    if (point.isZero()) return G2_INFINITY;
    const affine = this.mcl.normalize(point);
    return { x: this.#fp2Value(affine.getX()), y: this.#fp2Value(affine.getY()) };
  }

  #fp2({ c0, c1 }: Fp2): MclFp2 {
    const element = new this.mcl.Fp2();
    element.set_a(this.fp(c0));
    element.set_b(this.fp(c1));
    return element;
  }

  #fp2Value(element: MclFp2): Fp2 {
    return { c0: this.fpValue(element.get_a()), c1: this.fpValue(element.get_b()) };
  }
}

export function invalidPoint(message: string): PonosError {
  return new PonosError('POINT_INVALID', { message });
}
