/** What checking many signatures at once takes on either curve: random coefficients, and halving until the bad are alone. */
import { toBigInt } from '../base/bytes.js';

/** A source of unpredictable bytes. */
export type RandomBytes = (count: number) => Uint8Array;

const COEFFICIENT_BYTES = 8;

/**
 * The items of one batch, each with a coefficient of its own, 1 … 2^64-1: a sum of equations with them holds with a
 * chance of 2^-64 when one of them does not. Zero would take its equation out of the check.
 */
export function withCoefficients<T extends object>(
  items: readonly T[],
  randomBytes: RandomBytes,
): (T & { readonly coefficient: bigint })[] {
  const bytes = randomBytes(items.length * COEFFICIENT_BYTES);
  return items.map((item, index) => {
    const at = index * COEFFICIENT_BYTES;
    let coefficient = toBigInt(bytes.subarray(at, at + COEFFICIENT_BYTES));
    while (coefficient === 0n) coefficient = toBigInt(randomBytes(COEFFICIENT_BYTES));
    return { ...item, coefficient };
  });
}

/** The items that break the check, found by halving. @param holds whether no item of this part does */
export function findBad<T>(items: readonly T[], holds: (part: readonly T[]) => boolean): T[] {
  const bad: T[] = [];
  const search = (part: readonly T[], knownBad: boolean): void => {
    if (part.length === 0 || (!knownBad && holds(part))) return;
    const [first, second] = part;
    if (first !== undefined && second === undefined) {
      bad.push(first);
      return;
    }
    const middle = part.length >> 1;
    const left = part.slice(0, middle);
    const leftHolds = holds(left);
    if (!leftHolds) search(left, true);
    // The whole fails: if the left half holds, the right one cannot.
    search(part.slice(middle), leftHolds);
  };
  search(items, false);
  return bad;
}
