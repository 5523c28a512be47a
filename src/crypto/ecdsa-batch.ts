/**
 * Which of many ECDSA signatures are not by the address they should be by, for about a quarter of the price of
 * recovering each address.
 *
 * A signature (r, s) with its v says which point R it was made with, and it is by the key P exactly when
 * (h/s)·G + (r/s)·P = R, which is how recovery finds P. Sums of such equations with random coefficients need one chain
 * of doublings for all of them. A wrong v names another R, so what a contract would recover differently fails here, too.
 */
import { randomBytes as nodeRandomBytes } from 'node:crypto';
import { mulAddUnsafe } from '@noble/curves/abstract/curve.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { LRUCache } from 'lru-cache';
import type { Address } from '../base/brands.js';
import { toBigInt } from '../base/bytes.js';
import { isPonosError } from '../base/error.js';
import { findBad, type RandomBytes, withCoefficients } from './batch-check.js';
import {
  addressOfEcdsaKey,
  type EcdsaPoint,
  ecdsaPointAt,
  parseEcdsaSignature,
  recoverEcdsaKey,
} from './ecdsa.js';

/** One signature to check in a batch. */
export interface EcdsaSigned {
  /** Whose signature it must be. */
  readonly signer: Address;
  /** 32 bytes. */
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

/** One signature: `u1`·G + `u2`·`key` = `point`. */
interface Equation {
  readonly key: EcdsaPoint;
  readonly u1: bigint;
  readonly u2: bigint;
  readonly point: EcdsaPoint;
}

const { Point } = secp256k1;
const { Fn } = Point;
/** Signers whose public key is remembered, about 400 bytes each: an address alone does not tell it. */
const CACHED_KEYS = 4096;

export class EcdsaBatch {
  readonly #keys = new LRUCache<Address, EcdsaPoint>({ max: CACHED_KEYS });

  /**
   * The indexes, ascending, of the items that are not by their signer or that `recoverEcdsa` refuses. The key of a
   * signer seen for the first time is recovered. A wrong item stays unnoticed with a chance of 2^-64.
   */
  verifyBatch(items: readonly EcdsaSigned[], randomBytes: RandomBytes = nodeRandomBytes): number[] {
    const bad: number[] = [];
    const equations: (Equation & { readonly index: number })[] = [];
    for (const [index, item] of items.entries()) {
      try {
        const key = this.#keys.get(item.signer);
        if (key !== undefined) equations.push({ index, ...equationOf(item, key) });
        else if (!this.#isByNewSigner(item)) bad.push(index);
      } catch (error) {
        if (!isPonosError(error, 'SIGNATURE_INVALID')) throw error;
        bad.push(index);
      }
    }
    const weighted = withCoefficients(equations, randomBytes);
    for (const { index } of findBad(weighted, batchHolds)) bad.push(index);
    return bad.sort((a, b) => a - b);
  }

  /** Only what the signer has signed teaches its key, so that nobody else can fill the memory. */
  #isByNewSigner({ signer, digest, signature }: EcdsaSigned): boolean {
    const key = recoverEcdsaKey(digest, signature);
    if (addressOfEcdsaKey(key) !== signer) return false;
    this.#keys.set(signer, key);
    return true;
  }
}

/** @throws PonosError SIGNATURE_INVALID for what `recoverEcdsa` refuses */
function equationOf({ digest, signature }: EcdsaSigned, key: EcdsaPoint): Equation {
  const { r, s, yIsOdd } = parseEcdsaSignature(signature);
  const inverse = Fn.inv(s);
  return {
    key,
    u1: Fn.mul(Fn.create(toBigInt(digest)), inverse),
    u2: Fn.mul(r, inverse),
    point: ecdsaPointAt(r, yIsOdd),
  };
}

/** Whether Σ c·u1 · G + Σ c·u2 · key - Σ c · point is zero, the terms of one key gathered. */
function batchHolds(items: readonly (Equation & { readonly coefficient: bigint })[]): boolean {
  const scalars = new Map<EcdsaPoint, bigint>();
  const add = (point: EcdsaPoint, scalar: bigint) =>
    scalars.set(point, Fn.add(scalars.get(point) ?? 0n, scalar));
  for (const { key, u1, u2, point, coefficient } of items) {
    add(Point.BASE, Fn.mul(coefficient, u1));
    add(key, Fn.mul(coefficient, u2));
    add(point.negate(), coefficient);
  }
  return mulAddUnsafe(Point, [...scalars.keys()], [...scalars.values()]).is0();
}
