/** Makes a key and writes its files. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { toHex } from '../../base/bytes.js';
import { PonosError } from '../../base/error.js';
import { Secret } from '../../base/secret.js';
import { type KeyCurve, type PublicIdentity, publicIdentity } from './key-curve.js';
import { makeSecret, type SecretOrigin } from './make-secret.js';
import { type NewFile, writeFiles } from './write-files.js';

/** How a keystore is locked: by a password that is known, or by one to be made and written beside it. */
export type KeystoreLock = { readonly password: Secret } | 'random-password';

export interface GenerateKeyRequest extends SecretOrigin {
  readonly curve: KeyCurve;
  readonly outputDir: string;
  readonly filePrefix: string;
  /** Undefined: raw files, unprotected but for their mode. */
  readonly keystore?: { readonly lock: KeystoreLock; readonly light: boolean };
  readonly overwrite: boolean;
}

export interface GeneratedKey extends PublicIdentity {
  /** Absolute paths by what they are. */
  readonly files: {
    readonly keystore?: string;
    readonly password?: string;
    readonly privateKey?: string;
    readonly publicKey?: string;
  };
}

/** @throws PonosError USAGE, FILE_EXISTS, FILE_UNWRITABLE */
export async function generateKey(request: GenerateKeyRequest): Promise<GeneratedKey> {
  const { curve, filePrefix } = request;
  if (!/^[\w.-]+$/.test(filePrefix) || /^\.+$/.test(filePrefix)) {
    throw new PonosError('USAGE', {
      message: 'a file prefix consists of letters, digits, ".", "_" and "-"',
      facts: { found: filePrefix.slice(0, 80) },
    });
  }
  const secret = await makeSecret(curve, request);
  const identity = await publicIdentity(curve, secret);
  const planned = request.keystore
    ? await keystoreFiles(identity, secret, request.keystore)
    : rawFiles(identity, secret);
  const files = planned.map(({ extension, ...file }) => ({
    ...file,
    name: `${filePrefix}_${curve}.${extension}`,
  }));
  const paths = await writeFiles(request.outputDir, files, { overwrite: request.overwrite });
  if (request.overwrite && request.keystore !== undefined && request.keystore.lock !== 'random-password') {
    // The password of the keystore that is no more would be taken for that of the new one.
    await rm(path.join(request.outputDir, `${filePrefix}_${curve}.password`), { force: true });
  }
  return { ...identity, files: Object.fromEntries(planned.map(({ kind }, index) => [kind, paths[index]])) };
}

interface PlannedFile extends Omit<NewFile, 'name'> {
  readonly kind: keyof GeneratedKey['files'];
  readonly extension: string;
}

/** The password comes first: there is never a keystore that nothing opens. */
async function keystoreFiles(
  identity: PublicIdentity,
  secret: Secret<Uint8Array>,
  { lock, light }: { lock: KeystoreLock; light: boolean },
): Promise<PlannedFile[]> {
  const { curve, publicKey } = identity;
  const password = lock === 'random-password' ? randomPassword() : lock.password;
  let content: string;
  if (curve === 'ecdsa') {
    const { sealV3Keystore } = await import('../../crypto/keystore/v3-keystore.js');
    content = await sealV3Keystore({ secret, password, light });
  } else {
    const { sealKeystore } = await import('../../crypto/keystore/keystore.js');
    content = await sealKeystore({ curve, secret, publicKey, password, light });
  }
  const keystore: PlannedFile = { kind: 'keystore', extension: 'json', content, mode: 0o600 };
  if (lock !== 'random-password') return [keystore];
  return [
    { kind: 'password', extension: 'password', content: `${password.reveal()}\n`, mode: 0o600 },
    keystore,
  ];
}

/** BLS keys as the Go keygen writes them: bare bytes. ECDSA keys as wallets take them: hex. */
function rawFiles(identity: PublicIdentity, secret: Secret<Uint8Array>): PlannedFile[] {
  const { curve, publicKey, address } = identity;
  const ecdsa = curve === 'ecdsa';
  return [
    {
      kind: 'privateKey',
      extension: 'pri',
      content: ecdsa ? `${toHex(secret.reveal())}\n` : secret.reveal(),
      mode: 0o600,
    },
    {
      kind: 'publicKey',
      extension: 'pub',
      content: ecdsa ? `address ${address}\npublicKey ${toHex(publicKey)}\n` : publicKey,
      mode: 0o644,
    },
  ];
}

/** 192 bits, in characters that need no quoting. */
function randomPassword(): Secret {
  return new Secret(randomBytes(24).toString('base64url'));
}
