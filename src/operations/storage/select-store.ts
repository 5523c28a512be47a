/** Which store a `ponos storage` command means: a directory, or that of a running node. */
import { PonosError } from '../../base/error.js';
import { loadConfig } from '../../config/load.js';
import type { Role } from '../../config/role.js';
import { storePlace } from '../../store/open-store.js';
import { guessRole } from '../config/guess-role.js';

export interface StoreFlags {
  readonly dir?: string;
  readonly config?: string;
  readonly role?: Role;
}

export interface SourceFlags extends StoreFlags {
  readonly node?: string;
}

export interface StoreDirectory {
  readonly kind: 'directory';
  readonly dir: string;
  /** Whose store is expected there; undefined: anybody's. */
  readonly role: Role | undefined;
}

export interface RunningNode {
  readonly kind: 'node';
  readonly address: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws PonosError USAGE, CONFIG_INVALID */
export async function selectStore(
  { node, ...flags }: SourceFlags,
  env: Environment,
): Promise<StoreDirectory | RunningNode> {
  if (node === undefined) return selectDirectory(flags, env, ', or a running node with --node HOST:PORT');
  if (flags.dir === undefined && flags.config === undefined) return { kind: 'node', address: node };
  throw new PonosError('USAGE', {
    message: '--node means a running node, --dir and --config the directory of a stopped one',
    advice: 'Give one of them.',
  });
}

/** @throws PonosError USAGE, CONFIG_INVALID */
export async function selectDirectory(
  { dir, config: file, role }: StoreFlags,
  env: Environment,
  orElse = '',
): Promise<StoreDirectory> {
  if ((dir === undefined) === (file === undefined)) {
    throw new PonosError('USAGE', {
      message: dir === undefined ? 'no store is named' : '--dir and --config both name a store',
      advice: `Name its directory with --dir DIR, or the configuration that names it with --config FILE${orElse}.`,
    });
  }
  if (file === undefined) return { kind: 'directory', dir: dir ?? '', role };
  const configured = role ?? (await guessRole(file));
  const { config } = await loadConfig(configured, { file, env });
  const place = storePlace(config.storage);
  if (place.kind === 'level') return { kind: 'directory', dir: place.dir, role: configured };
  throw new PonosError('USAGE', {
    message: 'this configuration keeps the state in memory: there is no directory',
    facts: { config: file },
    advice: 'A running node with such a store is reached with --node HOST:PORT.',
  });
}
