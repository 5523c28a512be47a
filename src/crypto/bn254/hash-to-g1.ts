/**
 * The two maps from messages to points of G1 that live side by side in Hourglass. Both work on public
 * data, so they may branch on it.
 */
import { expand_message_xmd } from '@noble/curves/abstract/hash-to-curve.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Fp, G1 } from 'mcl-wasm';
import { toBigInt } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import type { MclPoints } from './mcl-points.js';
import { FIELD_MODULUS, type G1Point } from './points.js';

/**
 * `solidity`: `BN254.hashToG1` of the EigenLayer middleware, for what a contract verifies; 32-byte digests.
 * `plain`: RFC 9380 hash_to_curve, for what nodes verify among themselves; messages of any length.
 */
export type HashMap = 'solidity' | 'plain';

/** Names SSWU although the map is SvdW: peers hash with this very tag. */
const DOMAIN_SEPARATION_TAG = new TextEncoder().encode('BLS_SIG_BN254G1_XMD:SHA-256_SSWU_RO_NUL_');
/** Bytes of randomness per field element: ceil((254 + 128) / 8), RFC 9380 section 5.1. */
const ELEMENT_BYTES = 48;

/** The intermediate values of the plain map, in the names of RFC 9380. */
export interface PlainSteps {
  readonly u0: bigint;
  readonly u1: bigint;
  readonly q0: G1Point;
  readonly q1: G1Point;
  readonly point: G1Point;
}

export class HashToG1 {
  readonly #points: MclPoints;
  readonly #three: Fp;
  readonly #svdw: SvdwConstants;

  constructor(points: MclPoints) {
    this.#points = points;
    this.#three = points.fp(3n);
    this.#svdw = svdwConstants(points);
  }

  /** @throws PonosError VALUE_INVALID when the solidity map is given other than 32 bytes */
  hash(message: Uint8Array, map: HashMap): G1 {
    if (map === 'solidity') return this.#solidity(message);
    const [u0, u1] = hashToField(message);
    const { mcl } = this.#points;
    // With z = 1 its multiples are cheaper by a fifth, and normalising costs less than that.
    return mcl.normalize(mcl.add(this.#svdwPoint(u0), this.#svdwPoint(u1)));
  }

  /** The plain map with what happens on the way. */
  plainSteps(message: Uint8Array): PlainSteps {
    const [u0, u1] = hashToField(message);
    const q0 = this.#svdwPoint(u0);
    const q1 = this.#svdwPoint(u1);
    const value = (point: G1) => this.#points.g1Value(point);
    return { u0, u1, q0: value(q0), q1: value(q1), point: value(this.#points.mcl.add(q0, q1)) };
  }

  /** Try and increment: the first x from the digest on that has a point, and its y as the square root gives it. */
  #solidity(digest: Uint8Array): G1 {
    if (digest.length !== 32) {
      throw new PonosError('VALUE_INVALID', {
        message: 'the Solidity hash-to-curve takes a digest of 32 bytes',
        facts: { bytes: digest.length },
      });
    }
    const { mcl, one } = this.#points;
    let x = this.#points.fp(toBigInt(digest) % FIELD_MODULUS);
    for (;;) {
      const [isSquare, y] = mcl.squareRoot(this.#curveEquation(x));
      if (isSquare) return this.#affine(x, y);
      x = mcl.add(x, one);
    }
  }

  /** Shallue-van de Woestijne, RFC 9380 section 6.6.1; the temporaries are those of its appendix F.1. */
  #svdwPoint(uValue: bigint): G1 {
    const { mcl, one } = this.#points;
    const { z, c1, c2, c3, c4 } = this.#svdw;
    const u = this.#points.fp(uValue);
    const c1u2 = mcl.mul(mcl.sqr(u), c1);
    const tv2 = mcl.add(one, c1u2);
    const tv1 = mcl.sub(one, c1u2);
    const product = mcl.mul(tv1, tv2);
    const tv3 = product.isZero() ? product : mcl.inv(product);
    const tv4 = mcl.mul(mcl.mul(mcl.mul(u, tv1), tv3), c3);
    const x3 = () => mcl.add(mcl.mul(mcl.sqr(mcl.mul(mcl.sqr(tv2), tv3)), c4), z);
    for (const candidate of [() => mcl.sub(c2, tv4), () => mcl.add(c2, tv4), x3]) {
      const x = candidate();
      const [isSquare, root] = mcl.squareRoot(this.#curveEquation(x));
      if (isSquare) return this.#affine(x, isOdd(root) === isOdd(u) ? root : mcl.neg(root));
    }
    throw new PonosError('INTERNAL', { message: 'one of three SvdW candidates must be on the curve' });
  }

  /** x³ + 3 */
  #curveEquation(x: Fp): Fp {
    const { mcl } = this.#points;
    return mcl.add(mcl.mul(mcl.sqr(x), x), this.#three);
  }

  #affine(x: Fp, y: Fp): G1 {
    const point = new this.#points.mcl.G1();
    point.setX(x);
    point.setY(y);
    point.setZ(this.#points.one);
    return point;
  }
}

interface SvdwConstants {
  readonly z: Fp;
  readonly c1: Fp;
  readonly c2: Fp;
  readonly c3: Fp;
  readonly c4: Fp;
}

/** RFC 9380 section 6.6.1 for y² = x³ + 3 and Z = 1, so that g(Z) = 4 and 3Z² + 4A = 3. */
function svdwConstants(points: MclPoints): SvdwConstants {
  const { mcl } = points;
  const integer = (value: bigint) => points.fp(((value % FIELD_MODULUS) + FIELD_MODULUS) % FIELD_MODULUS);
  const [, root] = mcl.squareRoot(integer(-12n));
  return {
    z: integer(1n),
    c1: integer(4n),
    c2: mcl.div(integer(-1n), integer(2n)),
    c3: isOdd(root) ? mcl.neg(root) : root,
    c4: mcl.div(integer(-16n), integer(3n)),
  };
}

/** Two field elements from a message, RFC 9380 section 5.2. */
function hashToField(message: Uint8Array): [bigint, bigint] {
  const bytes = expand_message_xmd(message, DOMAIN_SEPARATION_TAG, 2 * ELEMENT_BYTES, sha256);
  const element = (index: number) =>
    toBigInt(bytes.subarray(index * ELEMENT_BYTES, (index + 1) * ELEMENT_BYTES)) % FIELD_MODULUS;
  return [element(0), element(1)];
}

/** sgn0 of RFC 9380; mcl serialises little-endian. */
function isOdd(element: Fp): boolean {
  return ((element.serialize()[0] ?? 0) & 1) === 1;
}
