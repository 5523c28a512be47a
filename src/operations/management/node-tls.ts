/** How a command calls a node with TLS: by its flags, and by the node's own configuration. */
import { isIPv6 } from 'node:net';
import { systemClock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';
import { loadTls, type PemSource, type TlsMaterial, type TlsSources } from '../../base/tls-material.js';
import type { GrpcConfig } from '../../config/types.js';
import { tlsSources } from '../../rpc/open-tls.js';

/** The flags that every command to a running node has. */
export interface TlsFlags {
  /** `--tls`, or false for `--no-tls`. */
  readonly tls?: boolean;
  readonly tlsCaFile?: string;
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
  readonly tlsServerName?: string;
}

const FLAG_NAMES = {
  tls: '--tls',
  tlsCaFile: '--tls-ca-file',
  tlsCertFile: '--tls-cert-file',
  tlsKeyFile: '--tls-key-file',
  tlsServerName: '--tls-server-name',
} as const satisfies Record<keyof TlsFlags, string>;

interface TlsPlan {
  readonly sources: TlsSources;
  /** Whom the node's certificate must be for; undefined: the host that is dialled. */
  readonly serverName: string | undefined;
}

export interface NodeTls extends Omit<TlsPlan, 'sources'> {
  readonly material: TlsMaterial;
}

/** The first flag about TLS that is given, as the user wrote it. */
export function tlsFlagOf(flags: TlsFlags): string | undefined {
  if (flags.tls === false) return '--no-tls';
  const names = Object.keys(FLAG_NAMES) as (keyof TlsFlags)[];
  const given = names.find((name) => flags[name] !== undefined);
  return given && FLAG_NAMES[given];
}

/**
 * What the flags and the configuration of the node come to. A node whose ports have TLS is called with it, by the
 * certificates for its own calls; a flag wins over each of these. Pure.
 * @param grpc of the node's configuration, where that is given
 * @returns undefined for plaintext
 * @throws PonosError USAGE for flags that contradict each other
 */
export function planTls(
  flags: TlsFlags,
  grpc: Pick<GrpcConfig, 'tls' | 'clientTls'> | undefined,
): TlsPlan | undefined {
  const { tls, tlsCaFile, tlsCertFile, tlsKeyFile, tlsServerName } = flags;
  const wanted = tlsFlagOf({ ...flags, tls: undefined });
  if (tls === false && wanted !== undefined) {
    throw new PonosError('USAGE', {
      message: `--no-tls and ${wanted} contradict each other`,
      advice: 'Give one of them.',
    });
  }
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined)) {
    throw new PonosError('USAGE', { message: '--tls-cert-file and --tls-key-file go together' });
  }
  if (tlsServerName?.includes(':') && !isIPv6(tlsServerName)) {
    throw new PonosError('USAGE', {
      message: '--tls-server-name must be a host name or an IP address, without a port',
      facts: { found: tlsServerName.slice(0, 80) },
    });
  }
  if (!(tls ?? (wanted !== undefined || grpc?.tls !== undefined))) return undefined;
  const configured = grpc?.clientTls === undefined ? {} : tlsSources(grpc.clientTls, 'grpc.clientTls');
  const own =
    tlsCertFile === undefined
      ? { cert: configured.cert, key: configured.key }
      : { cert: ofFlag('tlsCertFile', tlsCertFile), key: ofFlag('tlsKeyFile', tlsKeyFile) };
  return {
    sources: { ...own, ca: ofFlag('tlsCaFile', tlsCaFile) ?? configured.ca },
    serverName: tlsServerName,
  };
}

/** As `planTls`, with the files read. @throws PonosError USAGE, FILE_UNREADABLE, CONFIG_INVALID */
export async function openTls(...given: Parameters<typeof planTls>): Promise<NodeTls | undefined> {
  const plan = planTls(...given);
  if (plan === undefined) return undefined;
  const material = await loadTls(plan.sources, systemClock.nowMs());
  return { material, serverName: plan.serverName };
}

function ofFlag(flag: keyof TlsFlags, from: string | undefined): PemSource | undefined {
  return from === undefined ? undefined : { option: FLAG_NAMES[flag], from };
}
