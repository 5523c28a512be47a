/**
 * BLS signatures over BN254: public keys in G2, signatures in G1, as the EigenLayer contracts verify them.
 * The arithmetic is mcl's (WebAssembly); what is accepted as a point is decided here, more strictly than by
 * the Go node, whose parser takes trailing bytes, infinity, and a G1 point for a public key.
 */
import { randomBytes as nodeRandomBytes } from 'node:crypto';
import type { G1, G2, PrecomputedG2 } from 'mcl-wasm';
import { toHex } from '../../base/bytes.js';
import { isPonosError, PonosError } from '../../base/error.js';
import { findBad, type RandomBytes, withCoefficients } from '../batch-check.js';
import { batchHolds, type SignedPoint } from './batch.js';
import { type HashMap, HashToG1, type PlainSteps } from './hash-to-g1.js';
import { invalidPoint, type Mcl, MclPoints } from './mcl-points.js';
import {
  decodeG1,
  decodeG2,
  encodeG1,
  equalG1,
  G1_GENERATOR,
  G1_INFINITY,
  type G1Point,
  G2_GENERATOR,
  type G2Point,
  GROUP_ORDER,
} from './points.js';
import { PublicKeys } from './public-keys.js';

export type { HashMap } from './hash-to-g1.js';

/** Both halves of a public key: secret·G1 and secret·G2. */
export interface Bn254PublicKey {
  readonly g1: G1Point;
  readonly g2: G2Point;
}

/** One signature to check in a batch. */
export interface SignedDigest {
  readonly publicKey: G2Point;
  readonly digest: Uint8Array;
  readonly map: HashMap;
  /** As it came; see `parseSignature`. */
  readonly signature: Uint8Array;
}

export class Bn254 {
  readonly #mcl: Mcl;
  readonly #points: MclPoints;
  readonly #hashToG1: HashToG1;
  readonly #generatorG1: G1;
  readonly #generatorG2: G2;
  readonly #negatedGeneratorG2: PrecomputedG2;
  readonly #keys: PublicKeys;

  /** @param mcl initialised for BN_SNARK1; use `loadBn254` */
  constructor(mcl: Mcl) {
    this.#mcl = mcl;
    this.#points = new MclPoints(mcl);
    this.#keys = new PublicKeys(this.#points);
    this.#hashToG1 = new HashToG1(this.#points);
    this.#generatorG1 = this.#points.g1(G1_GENERATOR);
    this.#generatorG2 = this.#points.g2(G2_GENERATOR);
    this.#negatedGeneratorG2 = new mcl.PrecomputedG2(mcl.neg(this.#generatorG2));
  }

  /** @throws PonosError KEY_INVALID unless 1 ≤ secret < group order */
  derivePublicKey(secret: bigint): Bn254PublicKey {
    const scalar = this.#points.fr(checkedSecret(secret));
    return {
      g1: this.#points.g1Value(this.#mcl.mul(this.#generatorG1, scalar)),
      g2: this.#points.g2Value(this.#mcl.mul(this.#generatorG2, scalar)),
    };
  }

  /** @throws PonosError VALUE_INVALID when the solidity map is given other than 32 bytes */
  hashToG1(message: Uint8Array, map: HashMap): G1Point {
    return this.#points.g1Value(this.#hashToG1.hash(message, map));
  }

  /** The plain map with its intermediate values. */
  plainHashSteps(message: Uint8Array): PlainSteps {
    return this.#hashToG1.plainSteps(message);
  }

  /** secret·H(digest) as 64 bytes. @throws PonosError KEY_INVALID, VALUE_INVALID */
  sign(secret: bigint, digest: Uint8Array, map: HashMap): Uint8Array {
    const scalar = this.#points.fr(checkedSecret(secret));
    return encodeG1(this.#points.g1Value(this.#mcl.mul(this.#hashToG1.hash(digest, map), scalar)));
  }

  /** A signature: exactly 64 bytes, coordinates below p, on the curve, not infinity. @throws PonosError POINT_INVALID */
  parseSignature(bytes: Uint8Array): G1Point {
    const point = decodeSignature(bytes);
    this.checkG1(point);
    return point;
  }

  /** A public key: exactly 128 bytes, imaginary parts first; see `checkG2`. @throws PonosError POINT_INVALID */
  parsePublicKey(bytes: Uint8Array): G2Point {
    if (bytes.length !== 128)
      throw invalidPoint(`a BN254 public key must be 128 bytes, found ${bytes.length}`);
    const point = decodeG2(bytes);
    this.checkG2(point);
    return point;
  }

  /** @throws PonosError POINT_INVALID unless canonical, on the curve and not infinity */
  checkG1(point: G1Point): void {
    this.#signature(point);
  }

  /** @throws PonosError POINT_INVALID unless canonical, on the curve, in the subgroup and not infinity */
  checkG2(point: G2Point): void {
    this.#keys.check(point);
  }

  /** Whether the halves belong to one secret: e(g1, G2) = e(G1, g2). @throws PonosError POINT_INVALID */
  isPair(publicKey: Bn254PublicKey): boolean {
    const g1 = this.#signature(publicKey.g1);
    return this.#isOne(this.#generatorG1, this.#keys.check(publicKey.g2).point, g1);
  }

  /** Sum; infinity for none. Infinity is a fine summand. @throws PonosError POINT_INVALID */
  addG1(points: readonly G1Point[]): G1Point {
    return this.#points.g1Value(
      this.#sum(
        points.map((point) => this.#points.g1(point)),
        new this.#mcl.G1(),
      ),
    );
  }

  /**
   * Sum; infinity for none. Infinity is a fine summand. Points outside the subgroup are not noticed: certificates sum
   * the keys of those whose signatures have been verified. @throws PonosError POINT_INVALID off the curve
   */
  addG2(points: readonly G2Point[]): G2Point {
    return this.#points.g2Value(
      this.#sum(
        points.map((point) => this.#points.g2(point)),
        new this.#mcl.G2(),
      ),
    );
  }

  /** a - b. @throws PonosError POINT_INVALID */
  subG1(a: G1Point, b: G1Point): G1Point {
    return this.#points.g1Value(this.#mcl.sub(this.#points.g1(a), this.#points.g1(b)));
  }

  /** Whether this key signed this digest. @throws PonosError POINT_INVALID for what no parser lets pass */
  verify(publicKey: G2Point, digest: Uint8Array, map: HashMap, signature: G1Point): boolean {
    const lines = this.#keys.lines(this.#keys.check(publicKey));
    const product = this.#mcl.precomputedMillerLoop2(
      this.#hashToG1.hash(digest, map),
      lines,
      this.#signature(signature),
      this.#negatedGeneratorG2,
    );
    return this.#mcl.finalExp(product).isOne();
  }

  /**
   * Whether the signature is the sum of these keys' signatures over one digest, as a contract checks it. It says
   * nothing about the single signatures: use `verifyBatch` to credit or blame. No keys, or keys that cancel: false.
   * @throws PonosError POINT_INVALID
   */
  verifyAggregate(
    publicKeys: readonly G2Point[],
    digest: Uint8Array,
    map: HashMap,
    signature: G1Point,
  ): boolean {
    const sum = this.#sum(
      publicKeys.map((key) => this.#keys.check(key).point),
      new this.#mcl.G2(),
    );
    if (sum.isZero() || equalG1(signature, G1_INFINITY)) return false;
    return this.#isOne(this.#hashToG1.hash(digest, map), sum, this.#signature(signature));
  }

  /**
   * The indexes, ascending, of the items that do not verify; keys and signatures that no parser lets pass count as such.
   * A wrong item stays unnoticed with a chance of 2^-64.
   */
  verifyBatch(items: readonly SignedDigest[], randomBytes: RandomBytes = nodeRandomBytes): number[] {
    const hashes = new Map<string, G1>();
    const bad: number[] = [];
    const checked: (SignedPoint & { readonly index: number })[] = [];
    for (const [index, item] of items.entries()) {
      const hashName = `${item.map} ${toHex(item.digest)}`;
      const hash = hashes.get(hashName) ?? this.#hashToG1.hash(item.digest, item.map);
      hashes.set(hashName, hash);
      try {
        const publicKey = this.#keys.check(item.publicKey);
        const signature = this.#signature(decodeSignature(item.signature));
        checked.push({ index, publicKey, hash, hashName, signature });
      } catch (error) {
        if (!isPonosError(error, 'POINT_INVALID')) throw error;
        bad.push(index);
      }
    }
    const pairings = {
      points: this.#points,
      keys: this.#keys,
      negatedGenerator: this.#negatedGeneratorG2,
    };
    const weighted = withCoefficients(checked, randomBytes);
    for (const item of findBad(weighted, (part) => batchHolds(pairings, part))) bad.push(item.index);
    return bad.sort((a, b) => a - b);
  }

  /** e(hash, key) · e(signature, -G2) = 1 */
  #isOne(hash: G1, key: G2, signature: G1): boolean {
    const product = this.#mcl.precomputedMillerLoop2mixed(hash, key, signature, this.#negatedGeneratorG2);
    return this.#mcl.finalExp(product).isOne();
  }

  #sum<T extends G1 | G2>(points: readonly T[], zero: T): T {
    return points.reduce((sum, point) => this.#mcl.add(sum, point), zero);
  }

  #signature(point: G1Point): G1 {
    if (equalG1(point, G1_INFINITY)) throw invalidPoint('a G1 point is infinity');
    return this.#points.g1(point);
  }
}

/** Unchecked but for the length. @throws PonosError POINT_INVALID */
function decodeSignature(bytes: Uint8Array): G1Point {
  if (bytes.length !== 64) throw invalidPoint(`a BN254 signature must be 64 bytes, found ${bytes.length}`);
  return decodeG1(bytes);
}

function checkedSecret(secret: bigint): bigint {
  if (secret < 1n || secret >= GROUP_ORDER) {
    throw new PonosError('KEY_INVALID', {
      message: 'a BN254 private key must be between 1 and the group order minus 1',
    });
  }
  return secret;
}

async function initialise(): Promise<Bn254> {
  const { default: mcl } = await import('mcl-wasm');
  await mcl.init(mcl.BN_SNARK1);
  return new Bn254(mcl);
}

/**
 * mcl-wasm is one WebAssembly memory per process, and a second `init` would pull it from under the objects of
 * the first: hence one instance per process, made when first asked for.
 */
const shared: { instance?: Promise<Bn254> } = {};

/** The process' instance; the first call loads and initialises mcl (some 30 ms). */
export function loadBn254(): Promise<Bn254> {
  shared.instance ??= initialise();
  return shared.instance;
}
