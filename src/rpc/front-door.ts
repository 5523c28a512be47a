/**
 * Listens, and hands out connections that are ready for HTTP/2: within the limits and, with TLS, after the handshake.
 * grpc-js could listen itself, but then takes every connection, as many as come, and tells nobody.
 */

import { constants } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { explain, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { TlsMaterial } from '../base/tls-material.js';
import type { Connections } from './connections.js';
import type { TlsSource } from './tls-watch.js';

const HANDSHAKE_MS = 10_000;
/** Finds peers that are gone without a word. */
const TCP_KEEPALIVE_MS = 60_000;
/** Accepted by the system while this process is busy; further ones wait at the peer. */
const BACKLOG = 511;

export interface ServerTls extends TlsSource {
  readonly requireClientCert: boolean;
}

export interface FrontDoorOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Absent: plaintext. */
  readonly tls?: ServerTls;
  readonly connections: Connections;
  readonly onConnection: (socket: Socket) => void;
  readonly logger: Logger;
}

export interface FrontDoor {
  readonly port: number;
  /** Takes no further connections; those that are open go on. */
  stop(): void;
  /** Resolves after `stop`, when all connections are closed. */
  readonly closed: Promise<void>;
}

/** @throws PonosError PORT_IN_USE when the address cannot be listened on */
export async function openFrontDoor(options: FrontDoorOptions): Promise<FrontDoor> {
  const { host, connections, logger } = options;
  const secured = options.tls === undefined ? undefined : openTls(options.tls, options);
  const onConnection = (socket: Socket) => {
    // Whoever uses the socket hears of it too; a peer that breaks off is no news.
    socket.on('error', (error) => logger.debug('a connection broke', { error }));
    if (!connections.admit(socket)) return;
    if (secured === undefined) options.onConnection(socket);
    else secured.server.emit('connection', socket);
  };
  const servers: Server[] = [];
  let { port } = options;
  try {
    for (const address of await addressesOf(host)) {
      const server = createServer({
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: TCP_KEEPALIVE_MS,
      });
      server.on('connection', onConnection);
      servers.push(server);
      server.listen({ host: address, port, backlog: BACKLOG });
      await once(server, 'listening');
      port = (server.address() as AddressInfo).port;
    }
  } catch (error) {
    for (const server of servers) server.close();
    secured?.release();
    throw listenError(error, host, options.port);
  }
  const closed = Promise.all(servers.map((server) => once(server, 'close'))).then(() => undefined);
  return {
    port,
    closed,
    stop() {
      secured?.release();
      for (const server of servers) server.close();
    },
  };
}

/** `localhost` is often two addresses. */
async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  return [...new Set((await lookup(host, { all: true })).map(({ address }) => address))];
}

/** A TLS server that does not listen: it is given connections. New certificates are for the ones that follow. */
function openTls(tls: ServerTls, { onConnection, logger }: FrontDoorOptions) {
  const server: TlsServer = createTlsServer({
    ...contextOptions(tls.current),
    ALPNProtocols: ['h2'],
    handshakeTimeout: HANDSHAKE_MS,
    requestCert: tls.current.ca !== undefined,
    rejectUnauthorized: tls.requireClientCert,
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', (error) => logger.debug('a connection broke', { error }));
    const reason = refusal(socket);
    if (reason === undefined) {
      onConnection(socket);
      return;
    }
    logger.info('a TLS connection is refused', { peer: socket.remoteAddress, reason });
    socket.destroy();
  });
  server.on('tlsClientError', (error, socket) => {
    logger.debug('a TLS handshake failed', { peer: socket.remoteAddress, error });
    socket.destroy();
  });
  const release = tls.onChange((material) => server.setSecureContext(contextOptions(material)));
  return { server, release };
}

/** A client that need not show a certificate must not show a wrong one. */
function refusal(socket: TLSSocket): string | undefined {
  if (socket.alpnProtocol !== 'h2') return 'the client does not speak HTTP/2';
  const hasCertificate = socket.getPeerX509Certificate() !== undefined;
  return hasCertificate && !socket.authorized
    ? `its certificate is not accepted: ${socket.authorizationError}`
    : undefined;
}

/** Without tickets: a connection that is resumed would not show its certificate to the authority of today. */
function contextOptions({ cert, key, ca }: TlsMaterial) {
  return { cert, key, ca, minVersion: 'TLSv1.2' as const, secureOptions: constants.SSL_OP_NO_TICKET };
}

function listenError(error: unknown, host: string, port: number): PonosError {
  const taken = explain(error).includes('EADDRINUSE');
  return new PonosError('PORT_IN_USE', {
    message: taken ? `port ${port} is in use` : `cannot listen on port ${port} of ${host}`,
    facts: { host, port },
    advice: taken
      ? 'Stop the process that listens there (`ss -ltnp` names it), or configure another port.'
      : 'Check the host and port in the configuration, and the right to use them.',
    cause: error,
  });
}
