/** Which password a command is meant to use, out of the ways to give one. */
import { PonosError } from '../../base/error.js';
import { Secret } from '../../base/secret.js';
import type { KeystoreLock } from './generate-key.js';
import { readPasswordFile } from './read-key.js';

export interface PasswordFlags {
  /** From the command line or the environment; may be empty if the command line says so. */
  readonly password?: string;
  readonly passwordFile?: string;
}

/**
 * The password that is given, if any.
 * @throws PonosError USAGE when given twice, FILE_UNREADABLE
 */
export async function givenPassword(flags: PasswordFlags): Promise<Secret | undefined> {
  if (flags.password !== undefined && flags.passwordFile !== undefined) {
    throw usage('a password is given twice', 'Use either --password or --password-file.');
  }
  if (flags.passwordFile !== undefined) return readPasswordFile(flags.passwordFile);
  return flags.password === undefined ? undefined : new Secret(flags.password);
}

/**
 * How to lock a new keystore: by the password given, else by the one asked for, else by a random one. The empty
 * password has to be asked for by name.
 * @param ask absent without a terminal
 * @throws PonosError USAGE, FILE_UNREADABLE, and what `ask` throws
 */
export async function chooseLock(
  flags: PasswordFlags & { readonly useRandomPassword?: boolean },
  ask?: () => Promise<Secret>,
): Promise<KeystoreLock> {
  const password = await givenPassword(flags);
  if (flags.useRandomPassword === true) {
    if (password === undefined) return 'random-password';
    throw usage('a password is given, and a random one is asked for', 'Leave one of the two out.');
  }
  if (password !== undefined) {
    if (flags.passwordFile !== undefined && password.reveal() === '') {
      throw usage('the password file is empty', 'For a keystore without protection say --password "".');
    }
    return { password };
  }
  return ask === undefined ? 'random-password' : { password: await ask() };
}

function usage(message: string, advice: string): PonosError {
  return new PonosError('USAGE', { message, advice });
}
