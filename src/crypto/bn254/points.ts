/**
 * Points of BN254 (alt_bn128, EIP-196 and EIP-197) as plain values, and their byte forms.
 * Nothing here checks that a point is on its curve: that is the parsers' work (bn254.ts).
 */
import { concatBytes, toBigInt, word } from '../../base/bytes.js';

/** `c0 + c1·i`; EIP-197 calls c0 the real and c1 the imaginary part. */
export interface Fp2 {
  readonly c0: bigint;
  readonly c1: bigint;
}

/** Affine point over the base field; infinity is (0, 0), as in EIP-196. */
export interface G1Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** Affine point over the quadratic extension; infinity has all coordinates 0. */
export interface G2Point {
  readonly x: Fp2;
  readonly y: Fp2;
}

/** A G2 point as Solidity's `uint256[2] X, uint256[2] Y`: imaginary part first. */
export interface G2Words {
  readonly X: readonly [bigint, bigint];
  readonly Y: readonly [bigint, bigint];
}

/** Prime of the base field, EIP-196. */
export const FIELD_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
/** Number of points of G1 and of the subgroup of G2, EIP-197. Private keys are 1 … GROUP_ORDER-1. */
export const GROUP_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

/** Generator of G1, EIP-196. */
export const G1_GENERATOR: G1Point = { x: 1n, y: 2n };
/** Generator of G2, EIP-197. */
export const G2_GENERATOR: G2Point = {
  x: {
    c0: 10857046999023057135944570762232829481370756359578518086990519993285655852781n,
    c1: 11559732032986387107991004021392285783925812861821192530917403151452391805634n,
  },
  y: {
    c0: 8495653923123431417604973247489272438418190587263600148770280649306958101930n,
    c1: 4082367875863433681332203403145435568316851327593401208105741076214120093531n,
  },
};

export const G1_INFINITY: G1Point = { x: 0n, y: 0n };
export const G2_INFINITY: G2Point = { x: { c0: 0n, c1: 0n }, y: { c0: 0n, c1: 0n } };

export function equalG1(a: G1Point, b: G1Point): boolean {
  return a.x === b.x && a.y === b.y;
}

export function equalG2(a: G2Point, b: G2Point): boolean {
  return a.x.c0 === b.x.c0 && a.x.c1 === b.x.c1 && a.y.c0 === b.y.c0 && a.y.c1 === b.y.c1;
}

/** 64 bytes `x ‖ y`, big-endian. */
export function encodeG1(point: G1Point): Uint8Array {
  return concatBytes(word(point.x), word(point.y));
}

/** 128 bytes `x.c1 ‖ x.c0 ‖ y.c1 ‖ y.c0`, big-endian: imaginary parts first, as in EIP-197. */
export function encodeG2(point: G2Point): Uint8Array {
  return concatBytes(word(point.x.c1), word(point.x.c0), word(point.y.c1), word(point.y.c0));
}

export function g1ToWords(point: G1Point): [bigint, bigint] {
  return [point.x, point.y];
}

export function g2ToWords(point: G2Point): { X: [bigint, bigint]; Y: [bigint, bigint] } {
  return { X: [point.x.c1, point.x.c0], Y: [point.y.c1, point.y.c0] };
}

export function g2FromWords(words: G2Words): G2Point {
  return { x: { c0: words.X[1], c1: words.X[0] }, y: { c0: words.Y[1], c1: words.Y[0] } };
}

/** Coordinates of 64 bytes, unchecked; the inverse of `encodeG1`. */
export function decodeG1(bytes: Uint8Array): G1Point {
  return { x: wordAt(bytes, 0), y: wordAt(bytes, 1) };
}

/** Coordinates of 128 bytes, unchecked; the inverse of `encodeG2`. */
export function decodeG2(bytes: Uint8Array): G2Point {
  return {
    x: { c0: wordAt(bytes, 1), c1: wordAt(bytes, 0) },
    y: { c0: wordAt(bytes, 3), c1: wordAt(bytes, 2) },
  };
}

function wordAt(bytes: Uint8Array, index: number): bigint {
  return toBigInt(bytes.subarray(32 * index, 32 * index + 32));
}
