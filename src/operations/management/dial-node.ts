/** A connection from a command to a running node. */
import { ChannelCredentials } from '@grpc/grpc-js';
import { type Channel, ClientError, createChannel, Status } from 'nice-grpc';
import { PonosError } from '../../base/error.js';
import type { AccessConfig } from '../../config/types.js';
import { clientChannelOptions } from '../../rpc/channel-options.js';
import { formatSocketAddress, parseSocketAddress } from '../../rpc/socket-address.js';
import { TlsCredentials } from '../../rpc/tls-credentials.js';
import { speaksTls } from '../../rpc/tls-probe.js';
import type { NodeTls } from './node-tls.js';
import { tlsProblem, tlsWanted } from './tls-problem.js';

export interface NodeTarget {
  /** `host:port` */
  readonly address: string;
  /** Absent: plaintext. */
  readonly tls?: NodeTls;
}

export interface DialledNode {
  readonly channel: Channel;
  /** What TLS has to do with a failed call; undefined for nothing. In plaintext the port is tried once with TLS. */
  explain(error: unknown): Promise<PonosError | undefined>;
  close(): void;
}

/** It costs no I/O until a call is made. */
export function dialNode({ address, tls }: NodeTarget, maxMessageBytes: number): DialledNode {
  const socket = parseSocketAddress(address);
  const expectedName = tls?.serverName ?? socket.host;
  const secure = tls && new TlsCredentials({ current: tls.material }, expectedName);
  const channel = createChannel(`dns:${address}`, secure ?? ChannelCredentials.createInsecure(), {
    ...clientChannelOptions(maxMessageBytes, maxMessageBytes),
    'grpc.use_local_subchannel_pool': 1,
  });
  return {
    channel,
    async explain(error) {
      if (!(error instanceof ClientError) || error.code !== Status.UNAVAILABLE) return undefined;
      if (tls === undefined) return (await speaksTls(socket)) ? tlsWanted(address) : undefined;
      const showedCertificate = tls.material.cert !== undefined;
      return tlsProblem(secure?.lastFailure, { address, expectedName, showedCertificate });
    },
    close: () => channel.close(),
  };
}

/** @param flag that the text comes from @throws PonosError USAGE */
export function parseNodeAddress(
  flag: '--address' | '--node' | 'PONOS_HEALTH_ADDRESS',
  text: string,
): string {
  try {
    return formatSocketAddress(parseSocketAddress(text));
  } catch (cause) {
    throw new PonosError('USAGE', {
      message: `${flag} must be HOST:PORT`,
      facts: { found: text.slice(0, 80) },
      advice: "The node's management port is managementServerGrpcPort of its configuration.",
      cause,
    });
  }
}

/** Where a node on this machine is managed. */
export function managementAddress(config: AccessConfig): string {
  const { host } = config.grpc;
  const isEverywhere = config.authentication.enabled === undefined || host === '0.0.0.0' || host === '::';
  return formatSocketAddress({
    host: isEverywhere ? '127.0.0.1' : host,
    port: config.managementServerGrpcPort,
  });
}
