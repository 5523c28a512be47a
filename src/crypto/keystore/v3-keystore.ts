/** Ethereum's V3 keystores (Web3 Secret Storage Definition), as geth, ethers and web3signer use them: ECDSA keys. */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Address } from '../../base/brands.js';
import { toHex } from '../../base/bytes.js';
import { isPonosError } from '../../base/error.js';
import { Secret } from '../../base/secret.js';
import { ecdsaAddress } from '../ecdsa.js';
import { keccak256 } from '../keccak.js';
import { curveWrong, Fields, keystoreInvalid, passwordWrong, type Source } from './fields.js';
import { deriveKey, type KdfParameters, newScrypt, readKdf } from './kdf.js';
import { v3PasswordBytes } from './password.js';

export interface OpenedV3Keystore {
  /** 32 bytes, big-endian. */
  readonly secret: Secret<Uint8Array>;
  readonly address: Address;
}

/** What a keystore says of itself without the password. */
export interface V3KeystoreClaims {
  /** The file may leave it out, for privacy. */
  readonly address: Address | undefined;
  readonly kdf: KdfParameters['function'];
}

/** geth's StandardScrypt and LightScrypt. */
const COST = { default: { n: 262_144, p: 1 }, light: { n: 4096, p: 6 } };

/**
 * @throws PonosError KEYSTORE_INVALID malformed, beyond the limits, or an address that is not the key's;
 *   KEYSTORE_PASSWORD wrong password
 */
export async function openV3Keystore(
  text: string,
  password: Secret,
  options: { readonly source?: string } = {},
): Promise<OpenedV3Keystore> {
  const { source } = options;
  const parsed = parseV3(text, source);
  const key = await deriveKey(parsed.kdf, v3PasswordBytes(password));
  if (!timingSafeEqual(macOf(key, parsed.cipherText), parsed.mac)) throw passwordWrong(source);
  const decipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), parsed.iv);
  const secret = new Uint8Array(Buffer.concat([decipher.update(parsed.cipherText), decipher.final()]));
  const address = addressOf(secret, source);
  if (parsed.address !== undefined && parsed.address !== address) {
    throw keystoreInvalid('the address of a keystore is not that of its key', source);
  }
  return { secret: new Secret(secret), address };
}

/** Reads what a keystore claims. @throws PonosError KEYSTORE_INVALID */
export function inspectV3Keystore(text: string, source?: string): V3KeystoreClaims {
  const { address, kdf } = parseV3(text, source);
  return { address, kdf: kdf.function };
}

/** @param options.light fast and weak: for tests and devnets */
export async function sealV3Keystore(options: {
  readonly secret: Secret<Uint8Array>;
  readonly password: Secret;
  readonly light: boolean;
}): Promise<string> {
  const address = ecdsaAddress(options.secret.reveal());
  const { n, r, p, salt } = newScrypt(options.light ? COST.light : COST.default);
  const key = await deriveKey({ function: 'scrypt', n, r, p, salt }, v3PasswordBytes(options.password));
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv);
  const cipherText = Buffer.concat([cipher.update(options.secret.reveal()), cipher.final()]);
  const keystore = {
    address: address.slice(2),
    crypto: {
      cipher: 'aes-128-ctr',
      ciphertext: hex(cipherText),
      cipherparams: { iv: hex(iv) },
      kdf: 'scrypt',
      kdfparams: { dklen: 32, n, p, r, salt: hex(salt) },
      mac: hex(macOf(key, cipherText)),
    },
    id: randomUUID(),
    version: 3,
  };
  return `${JSON.stringify(keystore, null, 2)}\n`;
}

interface ParsedV3 {
  readonly address: Address | undefined;
  readonly kdf: KdfParameters;
  readonly iv: Uint8Array;
  readonly cipherText: Uint8Array;
  readonly mac: Uint8Array;
}

function parseV3(text: string, source: Source): ParsedV3 {
  const fields = Fields.parse(text, source);
  // Version 4 is EIP-2335, which keeps BLS keys.
  if (fields.is('version', 4) && fields.has('pubkey'))
    throw curveWrong('ecdsa', fields.optionalText('curveType') || 'BLS', source);
  fields.integer('version', 3, 3);
  const crypto = fields.object('crypto');
  crypto.choice('cipher', ['aes-128-ctr']);
  return {
    address: readAddress(fields),
    kdf: readKdf(crypto.choice('kdf', ['scrypt', 'pbkdf2']), crypto.object('kdfparams')),
    iv: crypto.object('cipherparams').hex('iv', 16, 16),
    cipherText: crypto.hex('ciphertext', 32, 32),
    mac: crypto.hex('mac', 32, 32),
  };
}

function readAddress(fields: Fields): Address | undefined {
  const text = fields.optionalText('address');
  if (text === undefined || text === '') return undefined;
  const digits = text.replace(/^0x/i, '').toLowerCase();
  if (!/^[0-9a-f]{40}$/.test(digits)) throw fields.invalid('address must be 20 bytes as hex digits');
  return `0x${digits}` as Address;
}

function addressOf(secret: Uint8Array, source: Source): Address {
  try {
    return ecdsaAddress(secret);
  } catch (cause) {
    if (!isPonosError(cause, 'KEY_INVALID')) throw cause;
    throw keystoreInvalid('the number in a keystore is no ECDSA private key', source);
  }
}

function macOf(key: Uint8Array, cipherText: Uint8Array): Uint8Array {
  return keccak256(key.subarray(16, 32), cipherText);
}

function hex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2);
}
