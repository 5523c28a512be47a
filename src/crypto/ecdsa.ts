/** secp256k1 as Ethereum uses it: 65-byte recoverable signatures over a 32-byte digest, keys known by address. */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { Address } from '../base/brands.js';
import { concatBytes, toBigInt, toHex, word } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { keccak256 } from './keccak.js';

const ORDER = secp256k1.Point.Fn.ORDER;
const HALF_ORDER = ORDER / 2n;

/**
 * Signs a digest as it is, without an Ethereum prefix. Deterministic (RFC 6979), low s.
 * @returns 65 bytes `r ‖ s ‖ v`, v being 27 or 28
 * @throws PonosError KEY_INVALID, VALUE_INVALID when the digest has not 32 bytes
 */
export function signEcdsa(secret: Uint8Array, digest: Uint8Array): Uint8Array {
  checkSecret(secret);
  checkDigest(digest);
  const signature = secp256k1.sign(digest, secret, { prehash: false, lowS: true, format: 'recovered' });
  const [recovery] = signature;
  return concatBytes(signature.subarray(1), Uint8Array.of(27 + (recovery ?? 0)));
}

/** A point of secp256k1. */
export type EcdsaPoint = typeof secp256k1.Point.BASE;

/** The numbers of a signature, all of them in range. */
export interface EcdsaParts {
  readonly r: bigint;
  readonly s: bigint;
  /** Of the y coordinate of the point whose x is r, from v. */
  readonly yIsOdd: boolean;
}

/**
 * Takes a signature apart, as strictly as OpenZeppelin's `ECDSA.recover` on chain.
 * @throws PonosError SIGNATURE_INVALID unless 65 bytes, v 27 or 28, low s, r and s between 1 and the order minus 1
 */
export function parseEcdsaSignature(signature: Uint8Array): EcdsaParts {
  if (signature.length !== 65) {
    throw invalidSignature('an ECDSA signature has not 65 bytes', { bytes: signature.length });
  }
  const v = signature[64];
  if (v !== 27 && v !== 28) throw invalidSignature('the v of an ECDSA signature is neither 27 nor 28', { v });
  const r = toBigInt(signature.subarray(0, 32));
  const s = toBigInt(signature.subarray(32, 64));
  if (s > HALF_ORDER) throw invalidSignature('the s of an ECDSA signature is in the upper half of the order');
  if (r === 0n || r >= ORDER || s === 0n)
    throw invalidSignature('r or s of an ECDSA signature is out of range');
  return { r, s, yIsOdd: v === 28 };
}

/** The point with this x coordinate. @throws PonosError SIGNATURE_INVALID when there is none */
export function ecdsaPointAt(x: bigint, yIsOdd: boolean): EcdsaPoint {
  try {
    return secp256k1.Point.fromBytes(concatBytes(Uint8Array.of(yIsOdd ? 3 : 2), word(x)));
  } catch (cause) {
    throw invalidSignature('the r of an ECDSA signature is no x coordinate of the curve', {}, cause);
  }
}

/** The public key that made this signature. @throws PonosError SIGNATURE_INVALID, also for what no key can have made */
export function recoverEcdsaKey(digest: Uint8Array, signature: Uint8Array): EcdsaPoint {
  checkDigest(digest);
  const { r, s, yIsOdd } = parseEcdsaSignature(signature);
  try {
    return new secp256k1.Signature(r, s, yIsOdd ? 1 : 0).recoverPublicKey(digest);
  } catch (cause) {
    throw invalidSignature('no public key can be recovered from an ECDSA signature', {}, cause);
  }
}

/**
 * The address that made this signature. What this lets pass, the certificate verifier does too.
 * @throws PonosError SIGNATURE_INVALID; see `recoverEcdsaKey`
 */
export function recoverEcdsa(digest: Uint8Array, signature: Uint8Array): Address {
  return addressOfEcdsaKey(recoverEcdsaKey(digest, signature));
}

/** The address of a public key. */
export function addressOfEcdsaKey(key: EcdsaPoint): Address {
  return addressOfPublicKey(key.toBytes(false));
}

/** The address of a private key. @throws PonosError KEY_INVALID */
export function ecdsaAddress(secret: Uint8Array): Address {
  return addressOfPublicKey(ecdsaPublicKey(secret));
}

/** The uncompressed public key of a private key: 65 bytes `0x04 ‖ x ‖ y`. @throws PonosError KEY_INVALID */
export function ecdsaPublicKey(secret: Uint8Array): Uint8Array {
  checkSecret(secret);
  return secp256k1.getPublicKey(secret, false);
}

/**
 * Parses a private key: 64 hex digits, with or without `0x`, blanks around it ignored.
 * @throws PonosError KEY_INVALID, never quoting the text
 */
export function parseEcdsaSecret(text: string): Uint8Array {
  const digits = text.trim().replace(/^0x/i, '');
  if (!/^[0-9a-f]{64}$/i.test(digits)) {
    throw new PonosError('KEY_INVALID', {
      message: 'an ECDSA private key must be 64 hex digits',
      facts: { characters: digits.length },
      advice: 'Give the 32 bytes of the key as hex, with or without 0x.',
    });
  }
  const secret = new Uint8Array(Buffer.from(digits, 'hex'));
  checkSecret(secret);
  return secret;
}

/**
 * Parses a public key: hex, with or without `0x`, compressed, uncompressed, or uncompressed without its leading 04.
 * @returns uncompressed, 65 bytes `0x04 ‖ x ‖ y`
 * @throws PonosError KEY_INVALID
 */
export function parseEcdsaPublicKey(text: string): Uint8Array {
  const digits = text.trim().replace(/^0x/i, '').toLowerCase();
  try {
    return secp256k1.Point.fromHex(digits.length === 128 ? `04${digits}` : digits).toBytes(false);
  } catch (cause) {
    throw new PonosError('KEY_INVALID', {
      message: 'an ECDSA public key is no point of secp256k1',
      facts: { characters: digits.length },
      advice: 'Give 128 hex digits: both coordinates.',
      cause,
    });
  }
}

/** @param uncompressed 65 bytes `0x04 ‖ x ‖ y` */
export function addressOfPublicKey(uncompressed: Uint8Array): Address {
  return toHex<Address>(keccak256(uncompressed.subarray(1)).subarray(12));
}

function checkSecret(secret: Uint8Array): void {
  if (secret.length !== 32 || !secp256k1.utils.isValidSecretKey(secret)) {
    throw new PonosError('KEY_INVALID', {
      message: 'an ECDSA private key must be 32 bytes between 1 and the order of secp256k1 minus 1',
    });
  }
}

function checkDigest(digest: Uint8Array): void {
  if (digest.length !== 32) {
    throw new PonosError('VALUE_INVALID', {
      message: 'a digest must be 32 bytes',
      facts: { bytes: digest.length },
    });
  }
}

function invalidSignature(message: string, facts = {}, cause?: unknown): PonosError {
  return new PonosError('SIGNATURE_INVALID', { message, facts, cause });
}
