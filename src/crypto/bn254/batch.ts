/**
 * Which of many BLS signatures are bad, for about the price of one check when none is.
 *
 * Each signature gets a random 64-bit coefficient c, and the equation checked is
 * e(Σ c·σ, -G2) · Π e(c·H(m), pk) = 1. Without the coefficients two operators could send σ₁+D and σ₂-D,
 * which add up to the right sum although neither is a signature.
 */
import type { G1, G2, GT } from 'mcl-wasm';
import { toBigInt } from '../../base/bytes.js';
import type { MclPoints } from './mcl-points.js';

/** A checked item: points on the curve and in the subgroup, none at infinity. */
export interface BatchItem {
  readonly publicKey: G2;
  /** Equal text for equal keys. */
  readonly keyName: string;
  readonly hash: G1;
  /** Equal text for equal messages under the same map. */
  readonly hashName: string;
  readonly signature: G1;
}

/** The pairings of an instance, with what it has precomputed. */
export interface Pairings {
  readonly points: MclPoints;
  /** e(point, -G2) before the final exponentiation. */
  millerLoopNegatedGenerator(point: G1): GT;
}

interface Weighted extends BatchItem {
  readonly coefficient: bigint;
}

/** What mcl-wasm copies to its small stack in one call. */
const MAX_TERMS_PER_CALL = 64;
/** Relative prices, measured: a Miller loop, a G2 and a G1 multiplication by 64 bits. */
const COST = { millerLoop: 11, multiplyG2: 4, multiplyG1: 0.7 };

/** The items, by reference, whose signature does not verify. */
export function findBad<T extends BatchItem>(
  pairings: Pairings,
  items: readonly T[],
  randomBytes: (count: number) => Uint8Array,
): T[] {
  const weighted = items.map((item) => ({ ...item, item, coefficient: randomCoefficient(randomBytes) }));
  const bad: T[] = [];
  const search = (part: typeof weighted, knownBad: boolean): void => {
    if (part.length === 0 || (!knownBad && holds(pairings, part))) return;
    const [first, second] = part;
    if (first !== undefined && second === undefined) {
      bad.push(first.item);
      return;
    }
    const middle = part.length >> 1;
    const left = part.slice(0, middle);
    const leftHolds = holds(pairings, left);
    if (!leftHolds) search(left, true);
    // The whole fails: if the left half holds, the right one cannot.
    search(part.slice(middle), leftHolds);
  };
  search(weighted, false);
  return bad;
}

function holds(pairings: Pairings, items: readonly Weighted[]): boolean {
  const { mcl } = pairings.points;
  const signatures = sumG1(
    pairings.points,
    items.map((item) => [item.signature, item.coefficient]),
  );
  let product = pairings.millerLoopNegatedGenerator(signatures);
  for (const [hash, key] of pairs(pairings.points, items))
    product = mcl.mul(product, mcl.millerLoop(hash, key));
  return mcl.finalExp(product).isOne();
}

/** The pairs whose pairings make Π e(c·H(m), pk), gathered by key or by message, whichever is cheaper. */
function pairs(points: MclPoints, items: readonly Weighted[]): (readonly [G1, G2])[] {
  const byKey = groups(items, (item) => item.keyName);
  const byHash = groups(items, (item) => item.hashName);
  const keyCost = byKey.length * COST.millerLoop + items.length * COST.multiplyG1;
  const hashCost = byHash.reduce(
    (cost, group) => cost + (group.length === 1 ? COST.multiplyG1 : group.length * COST.multiplyG2),
    byHash.length * COST.millerLoop,
  );
  const chosen = hashCost < keyCost ? byHash : byKey;
  return chosen.map(([first, ...rest]) => {
    const group = [first, ...rest];
    if (chosen === byKey || rest.length === 0) {
      const sum = sumG1(
        points,
        group.map((item) => [item.hash, item.coefficient]),
      );
      return [sum, first.publicKey];
    }
    const sum = sumG2(
      points,
      group.map((item) => [item.publicKey, item.coefficient]),
    );
    return [first.hash, sum];
  });
}

type Group = [Weighted, ...Weighted[]];

function groups(items: readonly Weighted[], nameOf: (item: Weighted) => string): Group[] {
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

/** 1 … 2^64-1. Zero would take its signature out of the check. */
function randomCoefficient(randomBytes: (count: number) => Uint8Array): bigint {
  for (;;) {
    const coefficient = toBigInt(randomBytes(8));
    if (coefficient !== 0n) return coefficient;
  }
}
