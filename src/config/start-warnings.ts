/** What an operator should hear when a node starts, though nothing is wrong. */
import { readFile, stat } from 'node:fs/promises';
import { explain } from '../base/error.js';
import type { Secret } from '../base/secret.js';
import type { Role } from './role.js';
import type { ConfigOf } from './types.js';

/** What a restart forgets that is kept in memory alone. */
const FORGOTTEN: Readonly<Record<Role, string>> = {
  aggregator: 'tasks, answers and progress',
  executor: 'what was signed, and a second output for the same task may be signed then',
};

/** Sentences about storage, the management API, and files that others can read. */
export async function startWarnings<R extends Role>(
  role: R,
  file: string,
  config: ConfigOf<R>,
): Promise<string[]> {
  const warnings: string[] = [];
  if (config.storage.type === 'memory') {
    warnings.push(`storage.type is memory: a restart forgets ${FORGOTTEN[role]}`);
  }
  if (config.authentication.enabled === false) {
    warnings.push(
      'authentication.enabled is false: the management API is served to everyone who can reach it',
    );
  }
  const { bls, ecdsa } = config.operator.signingKeys;
  const signerKeys = [config.operator.operatorPrivateKey, ecdsa].map((key) =>
    key?.remoteSigner ? key.remoteSignerConfig?.key?.reveal() : undefined,
  );
  const { tls, clientTls } = config.grpc;
  const tlsKeys = [tls?.keyFile, clientTls?.keyFile];
  const secretFiles = [bls?.passwordFile, ecdsa?.passwordFile, ...signerKeys, ...tlsKeys]
    .filter((path) => path !== undefined)
    .filter((path) => !path.includes('-----BEGIN '));
  if (await holdsPrivateKey(file, config)) secretFiles.unshift(file);
  for (const path of secretFiles) {
    const warning = await permissionWarning(path);
    if (warning !== undefined) warnings.push(warning);
  }
  return warnings;
}

/** A sentence when others than the owner can read or write the file; undefined when not, or where modes mean nothing. */
export async function permissionWarning(
  path: string,
  platform: NodeJS.Platform = process.platform,
): Promise<string | undefined> {
  if (platform === 'win32') return undefined;
  try {
    const mode = (await stat(path)).mode & 0o777;
    return (mode & 0o077) === 0
      ? undefined
      : `${path} holds a secret and has mode ${mode.toString(8).padStart(4, '0')}: set it to 0600`;
  } catch (error) {
    return `the permissions of ${path} cannot be read: ${explain(error)}`;
  }
}

/** Whether a private key stands in the file itself, and not in a variable that it names. */
async function holdsPrivateKey(file: string, config: ConfigOf<Role>): Promise<boolean> {
  const { operatorPrivateKey, signingKeys } = config.operator;
  const secrets: Secret[] = [operatorPrivateKey?.privateKey, signingKeys.ecdsa?.privateKey].filter(
    (secret) => secret !== undefined,
  );
  if (secrets.length === 0) return false;
  const text = await readFile(file, 'utf8');
  return secrets.some((secret) => text.includes(secret.reveal()));
}
