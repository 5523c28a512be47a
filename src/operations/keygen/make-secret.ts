/** A private key: at random, or from a seed. */
import { randomBytes } from 'node:crypto';
import { toBigInt, word } from '../../base/bytes.js';
import { isPonosError, PonosError } from '../../base/error.js';
import { Secret } from '../../base/secret.js';
import type { KeyCurve } from './key-curve.js';

export interface SecretOrigin {
  /** At least 32 bytes; at random without. */
  readonly seed?: Secret<Uint8Array>;
  /** BLS12-381 only, with a seed. */
  readonly path?: string;
  /** Derive at the path as the EIP says instead of as the Go keygen does. */
  readonly eip2333?: boolean;
}

/**
 * @returns 32 bytes, big-endian, in the range of the curve
 * @throws PonosError USAGE for flags that do not go together, and for a seed or path that is none
 */
export async function makeSecret(curve: KeyCurve, origin: SecretOrigin): Promise<Secret<Uint8Array>> {
  const { seed, path, eip2333 = false } = origin;
  if (path !== undefined && curve !== 'bls381')
    throw usage('a path is for bls381 keys only', 'Leave out --path.');
  if (path !== undefined && seed === undefined)
    throw usage('a path needs a seed to start from', 'Add --seed.');
  if (eip2333 && path === undefined) throw usage('EIP-2333 needs a path', 'Add --path m/12381/3600/0/0.');
  if (seed === undefined) return new Secret(await randomSecret(curve));
  const seeds = await import('../../crypto/seed.js');
  try {
    if (path === undefined) return new Secret(seeds.secretFromSeed(curve, seed.reveal()));
    if (eip2333) return new Secret(await seeds.eip2333SecretAtPath(seed.reveal(), path));
    return new Secret(seeds.bls381SecretAtPath(seed.reveal(), path));
  } catch (error) {
    throw isPonosError(error, 'VALUE_INVALID') ? asUsage(error) : error;
  }
}

async function randomSecret(curve: KeyCurve): Promise<Uint8Array> {
  if (curve === 'bls381') {
    const { randomBls381Secret } = await import('../../crypto/bls381.js');
    return randomBls381Secret();
  }
  if (curve === 'ecdsa') {
    const { secp256k1 } = await import('@noble/curves/secp256k1.js');
    return secp256k1.utils.randomSecretKey();
  }
  const { GROUP_ORDER } = await import('../../crypto/bn254/points.js');
  // 48 bytes: the remainder's bias is then below 2^-128.
  return word((toBigInt(new Uint8Array(randomBytes(48))) % (GROUP_ORDER - 1n)) + 1n);
}

/** Hex of any length, with or without 0x. @throws PonosError USAGE, never quoting the text */
export function parseSeed(text: string): Secret<Uint8Array> {
  const digits = text.trim().replace(/^0x/i, '');
  if (!/^([0-9a-f]{2})+$/i.test(digits)) {
    throw new PonosError('USAGE', {
      message: 'a seed must be an even number of hex digits',
      facts: { characters: digits.length },
    });
  }
  return new Secret(new Uint8Array(Buffer.from(digits, 'hex')));
}

/** Seed and path come from flags: what is wrong with them is the user's to correct. */
function asUsage({ message, facts, advice }: PonosError): PonosError {
  return new PonosError('USAGE', { message, facts, advice });
}

function usage(message: string, advice: string): PonosError {
  return new PonosError('USAGE', { message, advice });
}
