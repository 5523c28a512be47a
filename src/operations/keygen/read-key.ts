/** Reads a key file of any form that keygen writes: keystores of both kinds, raw keys, public keys. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { padWord, toHex } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import { Secret } from '../../base/secret.js';
import { KEY_CURVES, type KeyCurve } from './key-curve.js';

export type KeyFile =
  | {
      readonly kind: 'keystore';
      readonly format: 'eip2335' | 'v3';
      readonly text: string;
      readonly file: string;
    }
  | { readonly kind: 'private'; readonly curve: KeyCurve; readonly secret: Secret<Uint8Array> }
  | { readonly kind: 'public'; readonly curve: KeyCurve; readonly description: Record<string, string> };

/** A key file is small; what is larger is something else. */
const MAX_BYTES = 64 * 1024;

/**
 * @param curve of a raw file; without it the name tells (`<prefix>_<curve>.pri`)
 * @throws PonosError FILE_UNREADABLE, KEYSTORE_INVALID, KEY_INVALID, USAGE when the curve is not known
 */
export async function readKeyFile(file: string, curve?: KeyCurve): Promise<KeyFile> {
  const bytes = await readSmallFile(file);
  if (file.endsWith('.pub')) return publicKeyFile(file, bytes, curve);
  const text = bytes.toString('utf8');
  if (/^\s*\{/.test(text)) return { kind: 'keystore', format: keystoreFormat(text, file), text, file };
  if (file.endsWith('.json'))
    throw keyFileInvalid('KEYSTORE_INVALID', 'a keystore is not a JSON object', file);
  const known = curve ?? curveOfName(file);
  return { kind: 'private', curve: known, secret: await rawSecret(known, bytes, file) };
}

/** Reads a password: the file's first line. @throws PonosError FILE_UNREADABLE */
export async function readPasswordFile(file: string): Promise<Secret> {
  const text = (await readSmallFile(file)).toString('utf8');
  return new Secret(text.split(/\r?\n/, 1)[0] ?? '');
}

async function readSmallFile(file: string): Promise<Buffer> {
  try {
    const bytes = await readFile(file);
    if (bytes.length <= MAX_BYTES) return bytes;
  } catch (cause) {
    throw new PonosError('FILE_UNREADABLE', {
      message: 'a file cannot be read',
      facts: { file: path.resolve(file), reason: (cause as NodeJS.ErrnoException).code },
    });
  }
  throw keyFileInvalid('KEYSTORE_INVALID', 'a file is too large for a key', file);
}

/** Version 3 with a mac is Ethereum's format; anything else is held against EIP-2335, which says what is wrong. */
function keystoreFormat(text: string, file: string): 'eip2335' | 'v3' {
  try {
    const { version, crypto } = JSON.parse(text) as { version?: unknown; crypto?: { mac?: unknown } };
    return version === 3 && typeof crypto?.mac === 'string' ? 'v3' : 'eip2335';
  } catch {
    throw keyFileInvalid('KEYSTORE_INVALID', 'a keystore is not JSON', file);
  }
}

async function rawSecret(curve: KeyCurve, bytes: Buffer, file: string): Promise<Secret<Uint8Array>> {
  if (curve === 'ecdsa') {
    const { parseEcdsaSecret } = await import('../../crypto/ecdsa.js');
    return new Secret(parseEcdsaSecret(bytes.toString('utf8')));
  }
  // The Go keygen leaves out leading zero bytes.
  if (bytes.length === 0 || bytes.length > 32) {
    throw keyFileInvalid('KEY_INVALID', `a raw ${curve} key must be 32 bytes, found ${bytes.length}`, file);
  }
  return new Secret(padWord(bytes));
}

async function publicKeyFile(file: string, bytes: Buffer, curve?: KeyCurve): Promise<KeyFile> {
  const known = curve ?? curveOfName(file);
  const description: Record<string, string> = { curve: known };
  if (known !== 'ecdsa') {
    const { PUBLIC_KEY_BYTES } = await import('../../crypto/keystore/public-key.js');
    if (bytes.length !== PUBLIC_KEY_BYTES[known]) {
      throw keyFileInvalid(
        'KEY_INVALID',
        `a ${known} public key must be ${PUBLIC_KEY_BYTES[known]} bytes`,
        file,
      );
    }
    return { kind: 'public', curve: known, description: { ...description, publicKey: toHex(bytes) } };
  }
  const found = /^address (0x[0-9a-f]{40})\npublicKey (0x04[0-9a-f]{128})\n$/.exec(bytes.toString('utf8'));
  if (found?.[1] === undefined || found[2] === undefined) {
    throw keyFileInvalid(
      'KEY_INVALID',
      'an ecdsa public key file must have an address and a publicKey line',
      file,
    );
  }
  return {
    kind: 'public',
    curve: known,
    description: { ...description, address: found[1], publicKey: found[2] },
  };
}

function curveOfName(file: string): KeyCurve {
  const curve = KEY_CURVES.find((known) => path.basename(file).includes(known));
  if (curve !== undefined) return curve;
  throw new PonosError('USAGE', {
    message: 'a raw key does not tell its curve',
    facts: { file },
    advice: `Have it in the name of the file, as in key_ecdsa.pri (${KEY_CURVES.join(', ')}); keygen takes --curve-type, too.`,
  });
}

function keyFileInvalid(code: 'KEYSTORE_INVALID' | 'KEY_INVALID', message: string, file: string): PonosError {
  return new PonosError(code, {
    message,
    facts: { file: path.resolve(file) },
    advice: 'Give the file whole and unchanged, as keygen has written it.',
  });
}
