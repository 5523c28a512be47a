/** TLS as the configuration asks for it: of this node's ports, and of the calls it makes. */
import { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { PemSource, TlsMaterial, TlsSources } from '../base/tls-material.js';
import type { GrpcConfig } from '../config/types.js';
import type { ServerTls } from './front-door.js';
import { isLoopbackPeer } from './loopback-peer.js';
import { TlsCredentials } from './tls-credentials.js';
import { TlsWatch } from './tls-watch.js';

type TlsFiles = NonNullable<GrpcConfig['clientTls']>;

export interface NodeTlsConfig {
  readonly grpc: Pick<GrpcConfig, 'tls' | 'clientTls'>;
  /** Of aggregators: TLS to executors on other machines. */
  readonly tlsEnabled?: boolean;
}

/** Credentials for one address (an IP) of a host (the name or IP it is known by). */
export type Dial = (address: string, host: string) => ChannelCredentials;

export interface NodeTls {
  /** Undefined: plaintext. */
  readonly server: ServerTls | undefined;
  readonly dial: Dial;
  /** Reads all files again now. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** @throws PonosError FILE_UNREADABLE, CONFIG_INVALID */
export async function openNodeTls(
  config: NodeTlsConfig,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<NodeTls> {
  const { tls, clientTls } = config.grpc;
  const watches: TlsWatch[] = [];
  const open = async (files: TlsFiles, at: string) => {
    const watch = await TlsWatch.open({ sources: tlsSources(files, at), at, clock, logger });
    watches.push(watch);
    return watch;
  };
  const close = async () => {
    await Promise.all(watches.map((watch) => watch.close()));
  };
  try {
    const serverWatch = tls && (await open(tls, 'grpc.tls'));
    const clientWatch = clientTls && (await open(clientTls, 'grpc.clientTls'));
    return {
      server: tls && serverWatch && withRequirement(serverWatch, tls.requireClientCert),
      dial: dialRule({ tlsEnabled: config.tlsEnabled === true, client: clientWatch }),
      reload: async () => {
        await Promise.all(watches.map((watch) => watch.reload()));
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** With certificates of its own for it, a node speaks TLS to everyone; `tlsEnabled` alone leaves out this machine. */
export function dialRule(rule: {
  readonly tlsEnabled: boolean;
  readonly client: { readonly current: TlsMaterial } | undefined;
}): Dial {
  const { tlsEnabled, client } = rule;
  return (address, host) => {
    if (client !== undefined) return new TlsCredentials(client, host);
    if (tlsEnabled && !isLoopbackPeer(address)) return new TlsCredentials({ current: {} }, host);
    return ChannelCredentials.createInsecure();
  };
}

/** Of a section of the configuration. @param at its name, e.g. `grpc.tls` */
export function tlsSources({ certFile, keyFile, caFile }: TlsFiles, at: string): TlsSources {
  const source = (from: string | undefined, name: string): PemSource | undefined =>
    from === undefined ? undefined : { option: `${at}.${name}`, from };
  return {
    cert: source(certFile, 'certFile'),
    key: source(keyFile, 'keyFile'),
    ca: source(caFile, 'caFile'),
  };
}

function withRequirement(watch: TlsWatch, requireClientCert: boolean): ServerTls {
  return {
    requireClientCert,
    get current() {
      return watch.current;
    },
    onChange: (listener) => watch.onChange(listener),
  };
}
