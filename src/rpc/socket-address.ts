/** `host:port` as operators publish it on chain: text from strangers. */
import { PonosError } from '../base/error.js';

export interface SocketAddress {
  /** A DNS name, an IPv4 address, or an IPv6 address without brackets; lower case. */
  readonly host: string;
  readonly port: number;
}

const NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\.?$/;
const SOCKET = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/;

/**
 * Parses `name:port`, `1.2.3.4:port` or `[v6]:port`. A scheme or path is refused, so that a socket
 * can never name a unix socket or another resolver to gRPC. @throws PonosError VALUE_INVALID
 */
export function parseSocketAddress(text: string): SocketAddress {
  const match = SOCKET.exec(text.trim().toLowerCase());
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  const hostIsWellFormed = match?.[1] !== undefined || NAME.test(host);
  if (!hostIsWellFormed || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new PonosError('VALUE_INVALID', {
      message: 'a socket must be host:port, without a scheme',
      facts: { found: text.slice(0, 80) },
      advice: 'The operator must publish its socket anew at the AVS registrar.',
    });
  }
  return { host, port };
}

/** The canonical text of a socket: equal sockets are equal strings. */
export function formatSocketAddress({ host, port }: SocketAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
