/**
 * EIP-2335 keystores (version 4) with the `curveType` and the uncompressed G2 `pubkey` of the Go keygen:
 * BLS keys for BN254 and BLS12-381. Files go both ways between the two programs.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  randomUUID,
  timingSafeEqual,
} from 'node:crypto';
import { equalBytes, padWord } from '../../base/bytes.js';
import { isPonosError, PonosError } from '../../base/error.js';
import { Secret } from '../../base/secret.js';
import { curveWrong, Fields, keystoreInvalid, passwordWrong, type Source } from './fields.js';
import { deriveKey, type KdfParameters, newScrypt, readKdf } from './kdf.js';
import { eip2335PasswordBytes } from './password.js';
import { BLS_CURVES, type BlsCurve, derivePublicKey, PUBLIC_KEY_BYTES } from './public-key.js';

export interface OpenedKeystore {
  readonly curve: BlsCurve;
  /** 32 bytes, big-endian; shorter ones of the Go keygen are padded. */
  readonly secret: Secret<Uint8Array>;
  /** G2, uncompressed, as in `derivePublicKey`. */
  readonly publicKey: Uint8Array;
}

export interface OpenKeystoreOptions {
  /** The curve that is needed: another one is refused, and a keystore that names none is taken for it. */
  readonly curve?: BlsCurve;
  /** Where the text is from, for messages. */
  readonly source?: string;
}

/** What a keystore says of itself without the password. Nothing of it is proven. */
export interface KeystoreClaims {
  readonly curve: BlsCurve | undefined;
  readonly publicKey: Uint8Array;
  readonly kdf: KdfParameters['function'];
}

/** scrypt costs: the default takes about a second and 256 MiB, the light one is for tests and devnets. */
const COST = { default: { n: 262_144, p: 1 }, light: { n: 4096, p: 1 } };
/** Fixed labels of the Go keygen; they do not tell how the key was derived. */
const PATH_LABEL: Readonly<Record<BlsCurve, string>> = { bn254: 'm/1/0/0', bls381: 'm/12381/60/0/0' };

/**
 * Opens a keystore and checks that its public key is the key's.
 * @throws PonosError KEYSTORE_INVALID malformed, beyond the limits, or a public key that is not the key's;
 *   KEYSTORE_CURVE another curve than asked for; KEYSTORE_PASSWORD wrong password
 */
export async function openKeystore(
  text: string,
  password: Secret,
  options: OpenKeystoreOptions = {},
): Promise<OpenedKeystore> {
  const { source } = options;
  const parsed = parseKeystore(text, source, options.curve);
  const curve = requiredCurve(parsed.curve, options);
  const key = await deriveKey(parsed.kdf, eip2335PasswordBytes(password));
  if (!timingSafeEqual(checksumOf(key, parsed.cipherText), parsed.checksum)) throw passwordWrong(source);
  const decipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), parsed.iv);
  const secret = padWord(Buffer.concat([decipher.update(parsed.cipherText), decipher.final()]));
  const publicKey = await publicKeyOf(curve, secret, source);
  if (!equalBytes(publicKey, parsed.publicKey)) {
    throw keystoreInvalid(`the pubkey of a keystore is not that of its ${curve} key`, source);
  }
  return { curve, secret: new Secret(secret), publicKey };
}

/** Reads what a keystore claims. @throws PonosError KEYSTORE_INVALID */
export function inspectKeystore(text: string, source?: string): KeystoreClaims {
  const { curve, publicKey, kdf } = parseKeystore(text, source);
  return { curve, publicKey, kdf: kdf.function };
}

/**
 * Writes a keystore.
 * @param options.publicKey as `derivePublicKey` gives it
 * @param options.light fast and weak: for tests and devnets
 */
export async function sealKeystore(options: {
  readonly curve: BlsCurve;
  readonly secret: Secret<Uint8Array>;
  readonly publicKey: Uint8Array;
  readonly password: Secret;
  readonly light: boolean;
}): Promise<string> {
  const { n, r, p, salt } = newScrypt(options.light ? COST.light : COST.default);
  const key = await deriveKey({ function: 'scrypt', n, r, p, salt }, eip2335PasswordBytes(options.password));
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv);
  const cipherText = Buffer.concat([cipher.update(padWord(options.secret.reveal())), cipher.final()]);
  const keystore = {
    crypto: {
      kdf: { function: 'scrypt', params: { dklen: 32, n, p, r, salt: hex(salt) }, message: '' },
      checksum: { function: 'sha256', params: {}, message: hex(checksumOf(key, cipherText)) },
      cipher: { function: 'aes-128-ctr', params: { iv: hex(iv) }, message: hex(cipherText) },
    },
    pubkey: hex(options.publicKey),
    path: PATH_LABEL[options.curve],
    uuid: randomUUID(),
    version: 4,
    curveType: options.curve,
  };
  return `${JSON.stringify(keystore, null, 2)}\n`;
}

interface ParsedKeystore {
  readonly curve: BlsCurve | undefined;
  readonly publicKey: Uint8Array;
  readonly kdf: KdfParameters;
  readonly checksum: Uint8Array;
  readonly iv: Uint8Array;
  readonly cipherText: Uint8Array;
}

function parseKeystore(text: string, source: Source, needed: BlsCurve = 'bn254'): ParsedKeystore {
  const fields = Fields.parse(text, source);
  // Version 3 is Ethereum's own format, in which no BLS key is kept.
  if (fields.is('version', 3) && !fields.has('curveType')) throw curveWrong(needed, 'ecdsa', source);
  fields.integer('version', 4, 4);
  const curve = readCurve(fields.optionalText('curveType'), source);
  const crypto = fields.object('crypto');
  const kdf = crypto.object('kdf');
  const checksum = crypto.object('checksum');
  const cipher = crypto.object('cipher');
  checksum.choice('function', ['sha256']);
  cipher.choice('function', ['aes-128-ctr']);
  const publicKeyBytes = curve === undefined ? Object.values(PUBLIC_KEY_BYTES) : [PUBLIC_KEY_BYTES[curve]];
  return {
    curve,
    publicKey: fields.hex('pubkey', Math.min(...publicKeyBytes), Math.max(...publicKeyBytes)),
    kdf: readKdf(kdf.choice('function', ['scrypt', 'pbkdf2']), kdf.object('params')),
    checksum: checksum.hex('message', 32, 32),
    iv: cipher.object('params').hex('iv', 16, 16),
    cipherText: cipher.hex('message', 1, 32),
  };
}

function readCurve(name: string | undefined, source: Source): BlsCurve | undefined {
  if (name === undefined || name === '') return undefined;
  const curve = BLS_CURVES.find((known) => known === name);
  if (curve === undefined)
    throw keystoreInvalid(`the curveType of a keystore is unknown: ${name.slice(0, 40)}`, source);
  return curve;
}

function requiredCurve(found: BlsCurve | undefined, { curve, source }: OpenKeystoreOptions): BlsCurve {
  if (found !== undefined && curve !== undefined && found !== curve) {
    throw curveWrong(curve, found, source);
  }
  const known = found ?? curve;
  if (known === undefined) {
    throw new PonosError('KEYSTORE_CURVE', {
      message: 'the keystore does not name its curve',
      facts: { keystore: source },
      advice: `Say which it is: ${BLS_CURVES.join(' or ')}.`,
    });
  }
  return known;
}

async function publicKeyOf(curve: BlsCurve, secret: Uint8Array, source: Source): Promise<Uint8Array> {
  try {
    return await derivePublicKey(curve, secret);
  } catch (cause) {
    if (!isPonosError(cause, 'KEY_INVALID')) throw cause;
    throw keystoreInvalid(`the number in a keystore is no ${curve} private key`, source);
  }
}

function checksumOf(key: Uint8Array, cipherText: Uint8Array): Buffer {
  return createHash('sha256').update(key.subarray(16, 32)).update(cipherText).digest();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
