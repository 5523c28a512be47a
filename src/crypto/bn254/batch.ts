/**
 * Whether many BLS signatures are all good, for much less than the price of checking each.
 *
 * Each signature gets a random coefficient c, and the equation checked is e(Σ c·σ, -G2) · Π e(c·H(m), pk) = 1. Without
 * the coefficients two operators could send σ₁+D and σ₂-D, which add up to the right sum although neither is a signature.
 */
import type { G1, G2, GT, PrecomputedG2 } from 'mcl-wasm';
import type { MclPoints } from './mcl-points.js';
import type { CheckedKey, PublicKeys } from './public-keys.js';

/** A signature to check: points on the curve and in the subgroup, none at infinity. */
export interface SignedPoint {
  readonly publicKey: CheckedKey;
  readonly hash: G1;
  /** Equal text for equal messages under the same map. */
  readonly hashName: string;
  readonly signature: G1;
}

interface BatchItem extends SignedPoint {
  /** From `withCoefficients`. */
  readonly coefficient: bigint;
}

/** The pairings of an instance, with what it has precomputed. */
export interface Pairings {
  readonly points: MclPoints;
  readonly keys: PublicKeys;
  /** Lines of -G2. */
  readonly negatedGenerator: PrecomputedG2;
}

/** One factor of the product: the pairing of a point with a key whose lines are kept, or with any point of G2. */
interface Factor {
  readonly g1: G1;
  readonly g2: { readonly lines: () => PrecomputedG2 } | G2;
}

/** What fits mcl-wasm's stack of 1 MiB several times over, 224 bytes a term: long sums are cheaper by the term. */
const MAX_TERMS_PER_CALL = 1_024;
/** Relative prices, measured: Miller loops with kept lines and without, and a 64-bit multiple in a sum. */
const COST = { linedLoop: 9, freshLoop: 14, multiplyG2: 1.5, multiplyG1: 0.5 };

/** Whether all signatures verify; a wrong one stays unnoticed with a chance of 2^-64. */
export function batchHolds(pairings: Pairings, items: readonly BatchItem[]): boolean {
  const { points, negatedGenerator } = pairings;
  const signatures = sumG1(
    points,
    items.map((item) => [item.signature, item.coefficient]),
  );
  const factors = [
    { g1: signatures, g2: { lines: () => negatedGenerator } },
    ...hashFactors(pairings, items),
  ];
  const { mcl } = points;
  return mcl.finalExp(millerLoops(points, factors)).isOne();
}

/** Factors whose product is Π e(c·H(m), pk), gathered by key or by message, whichever is cheaper. */
function hashFactors({ points, keys }: Pairings, items: readonly BatchItem[]): Factor[] {
  const byKey = groups(items, (item) => item.publicKey.name);
  const byHash = groups(items, (item) => item.hashName);
  const keyCost = byKey.length * COST.linedLoop + items.length * COST.multiplyG1;
  const hashCost = byHash.reduce(
    (cost, { length }) =>
      cost + (length === 1 ? COST.linedLoop + COST.multiplyG1 : COST.freshLoop + length * COST.multiplyG2),
    0,
  );
  const chosen = hashCost < keyCost ? byHash : byKey;
  return chosen.map((group): Factor => {
    const [{ publicKey, hash }] = group;
    if (chosen === byKey || group.length === 1) {
      const terms = group.map((item) => [item.hash, item.coefficient] as const);
      return { g1: sumG1(points, terms), g2: { lines: () => keys.lines(publicKey) } };
    }
    const terms = group.map((item) => [item.publicKey.point, item.coefficient] as const);
    return { g1: hash, g2: sumG2(points, terms) };
  });
}

/** The product of the factors before the final exponentiation. Loops over kept lines run in pairs, which costs less. */
function millerLoops({ mcl }: MclPoints, factors: readonly Factor[]): GT {
  const values: GT[] = [];
  let left: { readonly g1: G1; readonly lines: () => PrecomputedG2 } | undefined;
  for (const { g1, g2 } of factors) {
    if (!('lines' in g2)) values.push(mcl.millerLoop(g1, g2));
    else if (left === undefined) left = { g1, lines: g2.lines };
    else {
      values.push(mcl.precomputedMillerLoop2(left.g1, left.lines(), g1, g2.lines()));
      left = undefined;
    }
  }
  if (left !== undefined) values.push(mcl.precomputedMillerLoop(left.g1, left.lines()));
  return values.reduce((product, value) => mcl.mul(product, value));
}

type Group = [BatchItem, ...BatchItem[]];

function groups(items: readonly BatchItem[], nameOf: (item: BatchItem) => string): Group[] {
  const found = new Map<string, Group>();
  for (const item of items) {
    const group = found.get(nameOf(item));
    if (group === undefined) found.set(nameOf(item), [item]);
    else group.push(item);
  }
  return [...found.values()];
}

function sumG1(points: MclPoints, terms: readonly (readonly [G1, bigint])[]): G1 {
  let sum = new points.mcl.G1();
  for (const part of chunks(terms)) {
    const product = points.mcl.mulVec(
      part.map(([point]) => point),
      part.map(([, scalar]) => points.fr(scalar)),
    );
    sum = points.mcl.add(sum, product);
  }
  return sum;
}

function sumG2(points: MclPoints, terms: readonly (readonly [G2, bigint])[]): G2 {
  let sum = new points.mcl.G2();
  for (const part of chunks(terms)) {
    const product = points.mcl.mulVec(
      part.map(([point]) => point),
      part.map(([, scalar]) => points.fr(scalar)),
    );
    sum = points.mcl.add(sum, product);
  }
  return sum;
}

function chunks<T>(values: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < values.length; at += MAX_TERMS_PER_CALL) {
    parts.push(values.slice(at, at + MAX_TERMS_PER_CALL));
  }
  return parts;
}
