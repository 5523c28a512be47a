/** From the operator's section of the configuration to signers. */
import { readFile } from 'node:fs/promises';
import { PonosError } from '../base/error.js';
import { Secret } from '../base/secret.js';
import type { OperatorPrivateKeyConfig, SigningKeysConfig } from '../config/types.js';
import { parseEcdsaSecret } from '../crypto/ecdsa.js';
import { openKeystore } from '../crypto/keystore/keystore.js';
import { openV3Keystore } from '../crypto/keystore/v3-keystore.js';
import { createLocalBn254Signer, createLocalEcdsaSigner } from './local-signers.js';
import { localTransactionSigner } from './local-transaction-signer.js';
import { openRemoteEcdsaSigner, openRemoteTransactionKey, type SignerWorld } from './remote-signers.js';
import type { Bn254Signer, EcdsaSigner, TransactionKey } from './signer.js';

/** The keys of an operator, one per curve it has a key for. */
export interface SigningKeys {
  readonly bls?: Bn254Signer;
  readonly ecdsa?: EcdsaSigner;
}

type BlsConfig = NonNullable<SigningKeysConfig['bls']>;
type EcdsaConfig = NonNullable<SigningKeysConfig['ecdsa']>;

/** Where a keystore and its password may stand. */
type KeystoreConfig = Pick<BlsConfig, 'keystore' | 'keystoreFile' | 'password' | 'passwordFile'>;

/**
 * Opens what is configured.
 * @throws PonosError FILE_UNREADABLE, KEYSTORE_INVALID, KEYSTORE_PASSWORD, KEYSTORE_CURVE (facts name the
 * file), KEY_INVALID, CONFIG_INVALID when there is no key, and as `openRemoteEcdsaSigner`
 */
export async function loadSigningKeys(config: SigningKeysConfig, world: SignerWorld): Promise<SigningKeys> {
  if (config.bls === undefined && config.ecdsa === undefined) {
    throw new PonosError('CONFIG_INVALID', {
      message: 'operator.signingKeys holds no key',
      advice: 'Give bls (a BN254 keystore), ecdsa, or both.',
    });
  }
  // One after the other: opening a keystore takes much memory.
  const bls = config.bls && (await loadBls(config.bls));
  const ecdsa = config.ecdsa && (await loadEcdsa(config.ecdsa, world));
  return { bls, ecdsa };
}

/** @throws PonosError CONFIG_INVALID, KEY_INVALID, and as `openRemoteTransactionKey` */
export async function loadTransactionKey(
  config: OperatorPrivateKeyConfig,
  world: SignerWorld,
): Promise<TransactionKey> {
  const at = 'operator.operatorPrivateKey';
  if (config.remoteSigner) return openRemoteTransactionKey(config.remoteSignerConfig, at, world);
  if (config.privateKey === undefined) throw noKey(at, 'privateKey');
  return localTransactionSigner(ecdsaSecret(config.privateKey, `${at}.privateKey`));
}

async function loadBls(config: BlsConfig): Promise<Bn254Signer> {
  const { text, source } = await keystoreText(config, 'operator.signingKeys.bls');
  const { secret } = await openKeystore(text, await passwordOf(config), { curve: 'bn254', source });
  return createLocalBn254Signer(secret);
}

async function loadEcdsa(config: EcdsaConfig, world: SignerWorld): Promise<EcdsaSigner> {
  const at = 'operator.signingKeys.ecdsa';
  if (config.remoteSigner) return openRemoteEcdsaSigner(config.remoteSignerConfig, at, world);
  if (config.privateKey !== undefined) {
    return createLocalEcdsaSigner(ecdsaSecret(config.privateKey, `${at}.privateKey`));
  }
  const { text, source } = await keystoreText(config, at);
  const { secret } = await openV3Keystore(text, await passwordOf(config), { source });
  return createLocalEcdsaSigner(secret);
}

/** @throws PonosError KEY_INVALID naming the key of the configuration */
function ecdsaSecret(privateKey: Secret, at: string): Secret<Uint8Array> {
  try {
    return new Secret(parseEcdsaSecret(privateKey.reveal()));
  } catch (cause) {
    throw new PonosError('KEY_INVALID', {
      message: `${at} is no private key`,
      advice: 'Give 64 hex digits, or make a key with: ponos keygen generate --curve-type ecdsa',
      cause,
    });
  }
}

/** The keystore itself wins over a file with one. */
async function keystoreText(config: KeystoreConfig, at: string): Promise<{ text: string; source: string }> {
  if (config.keystore !== undefined) return { text: config.keystore.reveal(), source: `${at}.keystore` };
  if (config.keystoreFile === undefined) throw noKey(at, 'keystoreFile');
  return { text: await readText(config.keystoreFile, 'the keystore'), source: config.keystoreFile };
}

/** Without any: the empty password, which the Go keygen uses. */
async function passwordOf(config: KeystoreConfig): Promise<Secret> {
  if (config.password !== undefined) return config.password;
  if (config.passwordFile === undefined) return new Secret('');
  const text = await readText(config.passwordFile, 'the password file');
  return new Secret(text.replace(/\r?\n$/, ''));
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new PonosError('FILE_UNREADABLE', {
      message: `${what} cannot be read`,
      facts: { file },
      advice: 'Check the path in the configuration and the permissions of the file.',
      cause,
    });
  }
}

function noKey(at: string, key: string): PonosError {
  return new PonosError('CONFIG_INVALID', {
    message: `${at} holds no key`,
    advice: `Set ${at}.${key}.`,
  });
}
