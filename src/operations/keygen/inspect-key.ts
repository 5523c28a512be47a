/** What a key file holds, and whether its key works. Private keys never leave this file. */
import { randomBytes } from 'node:crypto';
import { toBigInt, toHex } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import type { Secret } from '../../base/secret.js';
import { describeIdentity, type KeyCurve, type PublicIdentity, publicIdentity } from './key-curve.js';
import { type KeyFile, readKeyFile } from './read-key.js';

export interface InspectKeyRequest {
  readonly keyFile: string;
  /** Opens a keystore. */
  readonly password?: Secret;
  /** Of a raw file whose name does not tell. */
  readonly curve?: KeyCurve;
}

/**
 * Public facts of a key file by name. A keystore without a password is taken by its word, and `checked` is "no".
 * @throws PonosError FILE_UNREADABLE, KEYSTORE_INVALID, KEYSTORE_PASSWORD, KEYSTORE_CURVE, KEY_INVALID, USAGE
 */
export async function keyInfo(request: InspectKeyRequest): Promise<Record<string, string>> {
  const key = await readKeyFile(request.keyFile, request.curve);
  if (key.kind === 'public') return { format: 'public key', ...key.description };
  if (key.kind === 'keystore' && request.password === undefined) return claimsOf(key);
  const { identity } = await openKey(key, request);
  const format = key.kind === 'keystore' ? `${key.format} keystore` : 'raw private key';
  return { format, ...describeIdentity(identity), checked: 'yes' };
}

/**
 * Opens the key, signs something random with it and verifies that.
 * @throws PonosError as `keyInfo`; KEYSTORE_PASSWORD when a keystore is given no password; INTERNAL when the
 *   signature does not verify
 */
export async function testKey(request: InspectKeyRequest): Promise<Record<string, string>> {
  const key = await readKeyFile(request.keyFile, request.curve);
  const { secret, identity } = await openKey(key, request);
  if (!(await signsAndVerifies(identity, secret))) {
    throw new PonosError('INTERNAL', {
      message: `a signature made with the ${identity.curve} key does not verify`,
    });
  }
  return { ...describeIdentity(identity), signature: 'verified' };
}

/** Whether the key is in a keystore that no password was given for. @throws PonosError as `keyInfo` */
export async function needsPassword(request: InspectKeyRequest): Promise<boolean> {
  if (request.password !== undefined) return false;
  return (await readKeyFile(request.keyFile, request.curve)).kind === 'keystore';
}

interface OpenKey {
  readonly secret: Secret<Uint8Array>;
  readonly identity: PublicIdentity;
}

async function openKey(key: KeyFile, { password, curve, keyFile }: InspectKeyRequest): Promise<OpenKey> {
  if (key.kind === 'public') {
    throw new PonosError('KEY_INVALID', {
      message: 'the file holds a public key only',
      facts: { file: keyFile },
    });
  }
  if (key.kind === 'private')
    return { secret: key.secret, identity: await publicIdentity(key.curve, key.secret) };
  if (password === undefined) {
    throw new PonosError('KEYSTORE_PASSWORD', {
      message: 'a keystore needs its password',
      facts: { keystore: keyFile },
      advice:
        'Give it with --password-file or KEYGEN_PASSWORD (or --password, which others on this machine can see).',
    });
  }
  const isEcdsa = key.format === 'v3';
  if (curve !== undefined && (curve === 'ecdsa') !== isEcdsa) {
    throw new PonosError('KEYSTORE_CURVE', {
      message: `the keystore does not hold a key of the curve ${curve}`,
      facts: { keystore: keyFile },
    });
  }
  if (isEcdsa) {
    const { openV3Keystore } = await import('../../crypto/keystore/v3-keystore.js');
    const { secret } = await openV3Keystore(key.text, password, { source: keyFile });
    return { secret, identity: await publicIdentity('ecdsa', secret) };
  }
  const { openKeystore } = await import('../../crypto/keystore/keystore.js');
  const needed = curve === 'ecdsa' ? undefined : curve;
  const opened = await openKeystore(key.text, password, { curve: needed, source: keyFile });
  return { secret: opened.secret, identity: await publicIdentity(opened.curve, opened.secret) };
}

async function claimsOf(key: KeyFile & { kind: 'keystore' }): Promise<Record<string, string>> {
  if (key.format === 'v3') {
    const { inspectV3Keystore } = await import('../../crypto/keystore/v3-keystore.js');
    const { address, kdf } = inspectV3Keystore(key.text, key.file);
    const known: Record<string, string> = address === undefined ? {} : { address };
    return { format: 'v3 keystore', curve: 'ecdsa', ...known, kdf, checked: 'no' };
  }
  const { inspectKeystore } = await import('../../crypto/keystore/keystore.js');
  const { curve, publicKey, kdf } = inspectKeystore(key.text, key.file);
  return {
    format: 'eip2335 keystore',
    curve: curve ?? 'not named',
    publicKey: toHex(publicKey),
    kdf,
    checked: 'no',
  };
}

async function signsAndVerifies(identity: PublicIdentity, secret: Secret<Uint8Array>): Promise<boolean> {
  const message = new Uint8Array(randomBytes(32));
  if (identity.curve === 'ecdsa') {
    const { recoverEcdsa, signEcdsa } = await import('../../crypto/ecdsa.js');
    return recoverEcdsa(message, signEcdsa(secret.reveal(), message)) === identity.address;
  }
  if (identity.curve === 'bls381') {
    const { tryBls381Secret } = await import('../../crypto/bls381.js');
    return tryBls381Secret(secret.reveal(), message);
  }
  const { loadBn254 } = await import('../../crypto/bn254/bn254.js');
  const bn254 = await loadBn254();
  const publicKey = bn254.parsePublicKey(identity.publicKey);
  return (['solidity', 'plain'] as const).every((map) => {
    const signature = bn254.parseSignature(bn254.sign(toBigInt(secret.reveal()), message, map));
    return bn254.verify(publicKey, message, map, signature);
  });
}
