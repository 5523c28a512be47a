/** What the docker command has been told about registries: its config.json, read as it reads it. Pure. */
import { PonosError } from '../base/error.js';

/** As the engine takes it with a pull. Secret. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  /** Of an OAuth login; takes the place of a password. */
  readonly identitytoken?: string;
  readonly registrytoken?: string;
  readonly serveraddress: string;
}

/** Where the credentials for a registry are: in a program that keeps them, or in the file itself. */
export type CredentialSource =
  | { readonly helper: string; readonly server: string }
  | { readonly auth: RegistryAuth };

/** Under this name Docker Hub is in config.json. */
const DOCKER_HUB = 'https://index.docker.io/v1/';

/** The registry of a repository, by the name that config.json has for it: `host:port`, or Docker Hub's. */
export function registryOf(repository: string): string {
  const [first = '', ...rest] = repository.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return !isHost || first === 'docker.io' || first === 'index.docker.io' ? DOCKER_HUB : first;
}

/**
 * @param config the parsed config.json
 * @returns undefined when it has nothing for this registry
 * @throws PonosError CONFIG_INVALID for a helper or an entry that is malformed; its message holds no secret
 */
export function credentialSource(config: unknown, registry: string): CredentialSource | undefined {
  const file = record(config);
  const helper = record(file.credHelpers)[registry] || file.credsStore;
  if (typeof helper === 'string' && helper !== '') {
    // It becomes the name of a program.
    if (!/^[\w.-]+$/.test(helper)) throw malformed(`the credential helper ${JSON.stringify(helper)}`);
    return { helper, server: registry };
  }
  const entries = Object.entries(record(file.auths));
  const match =
    entries.find(([key]) => key === registry) ?? entries.find(([key]) => hostOf(key) === hostOf(registry));
  if (match === undefined) return undefined;
  const auth = parseEntry(record(match[1]), registry);
  return auth && { auth };
}

/** What a credential helper prints: `{"Username": …, "Secret": …}`, with the user `<token>` for an identity token. */
export function helperAnswer(json: string, server: string): RegistryAuth {
  const { Username, Secret } = record(parsed(json));
  if (typeof Username !== 'string' || typeof Secret !== 'string') throw malformed('the answer of the helper');
  if (Username === '<token>') return { identitytoken: Secret, serveraddress: server };
  return { username: Username, password: Secret, serveraddress: server };
}

function parseEntry(entry: Readonly<Record<string, unknown>>, registry: string): RegistryAuth | undefined {
  const { auth, identitytoken, registrytoken } = entry;
  const [user, password] =
    typeof auth === 'string' && auth !== '' ? decoded(auth, registry) : [entry.username, entry.password];
  const known = {
    ...(typeof user === 'string' && user !== '' ? { username: user } : {}),
    ...(typeof password === 'string' && password !== '' ? { password } : {}),
    ...(typeof identitytoken === 'string' && identitytoken !== '' ? { identitytoken } : {}),
    ...(typeof registrytoken === 'string' && registrytoken !== '' ? { registrytoken } : {}),
  };
  // `docker login` with a helper leaves empty entries behind.
  return Object.keys(known).length === 0 ? undefined : { ...known, serveraddress: registry };
}

/** `user:password` in base64; some tools pad it with zeros. */
function decoded(auth: string, registry: string): [string, string] {
  const [user = '', ...rest] = Buffer.from(auth, 'base64').toString('utf8').split(':');
  if (rest.length === 0) throw malformed(`the field auth of ${registry}`);
  return [user, rest.join(':').replace(/\0+$/, '')];
}

/** Older versions of docker kept whole addresses: `https://registry.example/v1/`. */
function hostOf(address: string): string {
  return address.replace(/^https?:\/\//, '').split('/')[0] ?? '';
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** @throws PonosError CONFIG_INVALID; the words of JSON's own error would quote the text */
export function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw malformed('the text, which is not JSON');
  }
}

function malformed(what: string): PonosError {
  return new PonosError('CONFIG_INVALID', {
    message: `the credentials for Docker registries are malformed: ${what}`,
  });
}
