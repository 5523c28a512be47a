/** Which store a `ponos storage` command means: a directory, or that of a running node. */
import { PonosError } from '../../base/error.js';
import type { Role } from '../../config/role.js';
import { storePlace } from '../../store/open-store.js';
import { accessOf } from '../config/access-of.js';
import { type NodeTarget, parseNodeAddress } from '../management/dial-node.js';
import { openTls, type TlsFlags, tlsFlagOf } from '../management/node-tls.js';

export interface StoreFlags {
  readonly dir?: string;
  readonly config?: string;
  readonly role?: Role;
}

export interface SourceFlags extends StoreFlags, TlsFlags {
  readonly node?: string;
}

export interface StoreDirectory {
  readonly kind: 'directory';
  readonly dir: string;
  /** Whose store is expected there; undefined: anybody's. */
  readonly role: Role | undefined;
}

export interface RunningNode extends NodeTarget {
  readonly kind: 'node';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws PonosError USAGE, CONFIG_INVALID, FILE_UNREADABLE */
export async function selectStore(
  flags: SourceFlags,
  env: Environment,
): Promise<StoreDirectory | RunningNode> {
  if (flags.node !== undefined) return selectNode(flags.node, flags, env);
  const tlsFlag = tlsFlagOf(flags);
  if (tlsFlag === undefined) return selectDirectory(flags, env, ', or a running node with --node HOST:PORT');
  throw new PonosError('USAGE', {
    message: `${tlsFlag} is for a running node: it goes with --node HOST:PORT`,
  });
}

/** The configuration beside `--node` tells how that speaks TLS. */
async function selectNode(node: string, flags: SourceFlags, env: Environment): Promise<RunningNode> {
  if (flags.dir !== undefined) {
    throw new PonosError('USAGE', {
      message: '--node means a running node, --dir the directory of a stopped one',
      advice: 'Give one of them.',
    });
  }
  const address = parseNodeAddress('--node', node);
  const configured = flags.config === undefined ? undefined : await accessOf(flags.config, flags.role, env);
  return { kind: 'node', address, tls: await openTls(flags, configured?.config.grpc) };
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
  const configured = await accessOf(file, role, env);
  const place = storePlace(configured.config.storage);
  if (place.kind === 'level') return { kind: 'directory', dir: place.dir, role: configured.role };
  throw new PonosError('USAGE', {
    message: 'this configuration keeps the state in memory: there is no directory',
    facts: { config: file },
    advice: 'A running node with such a store is reached with --node HOST:PORT.',
  });
}
