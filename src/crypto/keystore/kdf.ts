/** Keys from passwords: scrypt and PBKDF2 as keystores name them, run off the event loop, within limits. */
import { type BinaryLike, pbkdf2, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import type { Fields } from './fields.js';

export interface ScryptParameters {
  readonly function: 'scrypt';
  readonly n: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
}

export interface Pbkdf2Parameters {
  readonly function: 'pbkdf2';
  readonly c: number;
  readonly salt: Uint8Array;
}

export type KdfParameters = ScryptParameters | Pbkdf2Parameters;

const KEY_BYTES = 32;
const MAX_SCRYPT_BYTES = 2 ** 30;

/**
 * Reads and checks the parameters, before anything is computed from them: a hostile file must not cost a
 * gigabyte of memory, and a weak one must not pass unnoticed. The bounds are those of the Go node.
 * @throws PonosError KEYSTORE_INVALID
 */
export function readKdf(name: 'scrypt' | 'pbkdf2', params: Fields): KdfParameters {
  params.integer('dklen', KEY_BYTES, KEY_BYTES);
  const salt = params.hex('salt', 16, 64);
  if (name === 'pbkdf2') {
    params.choice('prf', ['hmac-sha256']);
    return { function: 'pbkdf2', c: params.integer('c', 1000, 10_000_000), salt };
  }
  const n = params.integer('n', 1024, 2 ** 20);
  const r = params.integer('r', 1, 32);
  const p = params.integer('p', 1, 16);
  if ((n & (n - 1)) !== 0) throw params.invalid(`the scrypt parameter n must be a power of 2, found ${n}`);
  if (128 * n * r > MAX_SCRYPT_BYTES)
    throw params.invalid('the scrypt parameters n and r ask for more than 1 GiB');
  return { function: 'scrypt', n, r, p, salt };
}

/** scrypt with r = 8 and a fresh 32-byte salt. */
export function newScrypt(cost: { n: number; p: number }): ScryptParameters {
  return { function: 'scrypt', n: cost.n, r: 8, p: cost.p, salt: new Uint8Array(randomBytes(32)) };
}

/** 32 bytes: half a cipher key, half a checksum key. */
export async function deriveKey(kdf: KdfParameters, password: Uint8Array): Promise<Uint8Array> {
  if (kdf.function === 'pbkdf2') {
    return new Uint8Array(await promisify(pbkdf2)(password, kdf.salt, kdf.c, KEY_BYTES, 'sha256'));
  }
  const { n: N, r, p } = kdf;
  // Node's default of 32 MiB is too little for the usual n = 262144; the rest is OpenSSL's own working space.
  const options = { N, r, p, maxmem: 128 * r * (N + p + 2) + 2 ** 20 };
  return new Uint8Array(await scryptAsync(password, kdf.salt, KEY_BYTES, options));
}

const scryptAsync = promisify<BinaryLike, BinaryLike, number, object, Buffer>(scrypt);
