/** Which running node a command is for, and how the operator proves that it is its own. */
import { type Address, parseAddress } from '../../base/brands.js';
import { systemClock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import { silentLogger } from '../../base/logger.js';
import { environmentName, flagFromEnvironment } from '../../config/flags.js';
import { loadAccess, loadConfig } from '../../config/load.js';
import type { Role } from '../../config/role.js';
import type { AccessConfig, AuthenticationConfig, ConfigOf, SigningKeysConfig } from '../../config/types.js';
import { loadSigningKeys } from '../../signer/load-signers.js';
import { createLocalBn254Signer, createLocalEcdsaSigner } from '../../signer/local-signers.js';
import { managementSigner } from '../../signer/management-signer.js';
import type { Signer } from '../../signer/signer.js';
import { optionalFlagValue } from '../flag-value.js';
import { readKeyFile } from '../keygen/read-key.js';
import { managementAddress, type NodeTarget, parseNodeAddress } from './dial-node.js';
import { openTls, type TlsFlags } from './node-tls.js';

/** The flags that all commands to a running node have. */
export interface NodeFlags extends TlsFlags {
  /** The node's own configuration file. */
  readonly config?: string;
  /** `host:port` of its management port. */
  readonly address?: string;
  /** The operator's signing key, if not that of the configuration. */
  readonly keyFile?: string;
  readonly passwordFile?: string;
  /** The operator's address; default: that of the configuration. */
  readonly operator?: string;
  /** The node has `authentication.bindRequest`. */
  readonly bindRequest?: boolean;
  /** How long a call may take; default: by command. */
  readonly timeout?: number;
}

export interface NodeCredentials {
  readonly operator: Address;
  readonly signer: Signer;
  readonly bindRequest: boolean;
}

export interface NodeAccess extends NodeTarget {
  readonly role: Role;
  /** Undefined: the node is called without. */
  readonly credentials: NodeCredentials | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws PonosError USAGE, CONFIG_INVALID, FILE_UNREADABLE, and those of keys */
export async function openNodeAccess(role: Role, flags: NodeFlags, env: Environment): Promise<NodeAccess> {
  const isConfigNamed = flags.config !== undefined || flagFromEnvironment(role, 'config', env) !== undefined;
  if (!isConfigNamed && flags.address === undefined) {
    throw new PonosError('USAGE', {
      message: 'no node is named',
      advice: `Give its configuration with --config FILE (or ${environmentName(role, 'config')}), or its management port with --address HOST:PORT.`,
    });
  }
  // A node that is named by its address alone may be anybody's: the environment's configuration is not its own.
  const usesConfig = flags.config !== undefined || flags.address === undefined;
  const sources = { flags: { config: flags.config }, env };
  const access = usesConfig ? await loadAccess(role, sources) : undefined;
  const loadOperator = async () => (await loadConfig(role, sources)).config.operator;
  return {
    role,
    address: addressOf(flags, access),
    tls: await openTls(flags, access?.grpc),
    credentials: await credentialsOf(flags, access && { ...access.authentication, loadOperator }),
  };
}

function addressOf({ address }: NodeFlags, config: AccessConfig | undefined): string {
  if (address !== undefined) return parseNodeAddress('--address', address);
  if (config !== undefined) return managementAddress(config);
  throw new PonosError('INTERNAL', { message: 'neither address nor configuration' });
}

interface Authentication extends AuthenticationConfig {
  /** Reads the whole configuration: keys may stand anywhere. */
  readonly loadOperator: () => Promise<ConfigOf<Role>['operator']>;
}

async function credentialsOf(
  flags: NodeFlags,
  configured: Authentication | undefined,
): Promise<NodeCredentials | undefined> {
  const { keyFile, passwordFile } = flags;
  const bindRequest = flags.bindRequest ?? configured?.bindRequest ?? false;
  if (keyFile === undefined) {
    if (flags.operator !== undefined || passwordFile !== undefined) {
      throw new PonosError('USAGE', { message: '--operator and --password-file go with --key-file' });
    }
    if (configured?.enabled !== true) return undefined;
    const { address, signingKeys } = await configured.loadOperator();
    const { bls, ecdsa } = signingKeys;
    // Only the key that signs is opened.
    const keys: SigningKeysConfig = ecdsa === undefined ? { bls } : { ecdsa };
    const signer = managementSigner(
      await loadSigningKeys(keys, { clock: systemClock, logger: silentLogger }),
    );
    return { operator: address, signer, bindRequest };
  }
  const named = optionalFlagValue('--operator', flags.operator, parseAddress);
  const operator = named ?? (await configured?.loadOperator())?.address;
  if (operator === undefined) {
    throw new PonosError('USAGE', {
      message: '--key-file needs the address of the operator',
      advice: 'Give --operator ADDRESS. It is not the address of the signing key.',
    });
  }
  return { operator, signer: await signerOf(keyFile, passwordFile), bindRequest };
}

async function signerOf(keyFile: string, passwordFile: string | undefined): Promise<Signer> {
  const key = await readKeyFile(keyFile);
  if (key.kind === 'keystore') {
    const keystore = { keystoreFile: keyFile, passwordFile };
    const keys = key.format === 'v3' ? { ecdsa: { ...keystore, remoteSigner: false } } : { bls: keystore };
    return managementSigner(await loadSigningKeys(keys, { clock: systemClock, logger: silentLogger }));
  }
  if (key.kind === 'private' && key.curve === 'ecdsa') return createLocalEcdsaSigner(key.secret);
  if (key.kind === 'private' && key.curve === 'bn254') return createLocalBn254Signer(key.secret);
  throw new PonosError('KEY_INVALID', {
    message: 'the file holds no key that management calls can be signed with',
    facts: { file: keyFile, curve: key.curve },
    advice: 'Give the private signing key of the operator: ECDSA or BN254, a keystore or a raw key.',
  });
}
