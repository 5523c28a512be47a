/** Private keys from seeds: the same seed gives the same key as in the Go keygen. */
import { createHash, hkdfSync } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { toBigInt, word } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { BLS381_ORDER } from './bls381.js';
import { GROUP_ORDER } from './bn254/points.js';

export type SeededCurve = 'bn254' | 'bls381' | 'ecdsa';

const ORDER: Readonly<Record<SeededCurve, bigint>> = {
  bn254: GROUP_ORDER,
  bls381: BLS381_ORDER,
  ecdsa: secp256k1.Point.Fn.ORDER,
};

/** HKDF's info per curve. The Go keygen knows the two BLS curves; the third is named alike. */
const INFO: Readonly<Record<SeededCurve, string>> = {
  bn254: 'BN254-SeedGeneration',
  bls381: 'BLS12-381-SeedGeneration',
  ecdsa: 'ECDSA-SeedGeneration',
};

/**
 * HKDF-SHA256 of the seed without salt, 32 bytes, modulo the group order.
 * @returns 32 bytes, big-endian
 * @throws PonosError VALUE_INVALID for a seed of fewer than 32 bytes
 */
export function secretFromSeed(curve: SeededCurve, seed: Uint8Array): Uint8Array {
  checkSeed(seed);
  const bytes = hkdfSync('sha256', seed, new Uint8Array(0), INFO[curve], 32);
  return reduced(new Uint8Array(bytes), ORDER[curve]);
}

/**
 * The BLS12-381 key at a path, as the Go keygen derives it. It calls this EIP-2333, but the hashes are others:
 * HKDF-SHA512 for the master key, then SHA-256 of the parent without leading zeros and the index.
 * @returns 32 bytes, big-endian
 * @throws PonosError VALUE_INVALID for a short seed or a path that is none
 */
export function bls381SecretAtPath(seed: Uint8Array, path: string): Uint8Array {
  checkSeed(seed);
  const master = hkdfSync('sha512', seed, new Uint8Array(0), 'EIP-2333-HKDF-Master-Key', 32);
  return parsePath(path).reduce(
    (parent, index) => {
      const hash = createHash('sha256').update(withoutLeadingZeros(parent)).update(word(index).subarray(28));
      return reduced(new Uint8Array(hash.digest()), BLS381_ORDER);
    },
    reduced(new Uint8Array(master), BLS381_ORDER),
  );
}

/**
 * The BLS12-381 key at a path, as EIP-2333 says; the path must begin with m/12381/3600 (EIP-2334).
 * @returns 32 bytes, big-endian
 * @throws PonosError VALUE_INVALID for a short seed or another path
 */
export async function eip2333SecretAtPath(seed: Uint8Array, path: string): Promise<Uint8Array> {
  checkSeed(seed);
  const [purpose, coin, ...rest] = parsePath(path);
  if (purpose !== 12381 || coin !== 3600 || rest.length < 2) {
    throw invalidPath(path, 'an EIP-2334 path must begin with m/12381/3600 and have four numbers or more');
  }
  const { deriveKeyFromEntropy } = await import('@chainsafe/bls-keygen');
  return new Uint8Array(deriveKeyFromEntropy(seed, path));
}

function checkSeed(seed: Uint8Array): void {
  if (seed.length < 32) {
    throw new PonosError('VALUE_INVALID', {
      message: 'a seed must be at least 32 bytes',
      facts: { bytes: seed.length },
      advice: 'Make one with: openssl rand -hex 32',
    });
  }
}

function parsePath(path: string): number[] {
  const steps = path.split('/').slice(1).map(Number);
  if (!/^m(\/\d+)+$/.test(path) || steps.some((step) => step >= 2 ** 32)) {
    throw invalidPath(path, 'a derivation path must look like m/12381/3600/0/0');
  }
  return steps;
}

function invalidPath(path: string, message: string): PonosError {
  return new PonosError('VALUE_INVALID', { message, facts: { found: path.slice(0, 80) } });
}

function reduced(bytes: Uint8Array, order: bigint): Uint8Array {
  return word(toBigInt(bytes) % order);
}

function withoutLeadingZeros(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0);
  return start < 0 ? new Uint8Array(0) : bytes.subarray(start);
}
