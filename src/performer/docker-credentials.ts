/** Reads the credentials for a registry from where the docker command keeps them. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { abortError } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { Secret } from '../base/secret.js';
import { credentialSource, helperAnswer, parsed, type RegistryAuth } from './docker-registry-auth.js';

/** A helper that asks the user for something would wait for ever. */
const HELPER_TIMEOUT_MS = 10_000;
const HELPER_MAX_BYTES = 64 * 1024;

export interface CredentialOptions {
  /** This program's own environment: `DOCKER_CONFIG` and `HOME` say where the file is, `PATH` where the helpers are. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  readonly helperTimeoutMs?: number;
}

/**
 * @param registry its name in config.json
 * @returns undefined when there are none: the pull is anonymous
 * @throws PonosError FILE_UNREADABLE, CONFIG_INVALID, ABORTED; none of them holds a secret
 */
export async function readCredentials(
  registry: string,
  { processEnv, helperTimeoutMs = HELPER_TIMEOUT_MS }: CredentialOptions,
  signal: AbortSignal,
): Promise<Secret<RegistryAuth> | undefined> {
  const folder = processEnv.DOCKER_CONFIG || path.join(processEnv.HOME || homedir(), '.docker');
  const file = path.join(folder, 'config.json');
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  try {
    const source = credentialSource(parsed(text), registry);
    if (source === undefined) return undefined;
    if ('auth' in source) return new Secret(source.auth);
    const answer = await askHelper(source.helper, source.server, processEnv, helperTimeoutMs, signal);
    return answer === undefined ? undefined : new Secret(helperAnswer(answer, source.server));
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    throw new PonosError('CONFIG_INVALID', {
      message: `the credentials for the registry ${registry} cannot be read`,
      facts: { file },
      advice: 'Log in with `docker login` as the user of this node, or take the entry out of the file.',
      cause: error,
    });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PonosError('FILE_UNREADABLE', {
      message: 'the configuration of docker cannot be read, which has the credentials for registries',
      facts: { file },
      advice: 'Make it readable for the user of this node, or name another folder in DOCKER_CONFIG.',
      cause: error,
    });
  }
}

/** Runs `docker-credential-<name> get`. What it prints is a secret, and stays out of every error. */
function askHelper(
  name: string,
  server: string,
  processEnv: CredentialOptions['processEnv'],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const program = `docker-credential-${name}`;
  const options = {
    env: { ...processEnv },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: HELPER_MAX_BYTES,
    signal,
  } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(program, ['get'], options, (error, stdout) => {
      if (error === null) return resolve(stdout);
      // The helpers' common words for "I do not know this server".
      if (stdout.includes('credentials not found')) return resolve(undefined);
      const outcome = error.killed
        ? `did not answer within ${timeoutMs / 1000} seconds`
        : error.code === 'ENOENT'
          ? 'is not installed'
          : `failed with ${error.code}`;
      reject(new PonosError('CONFIG_INVALID', { message: `the program ${program} ${outcome}` }));
    });
    // A helper that ends without reading is judged by how it ends.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(server);
  });
}
