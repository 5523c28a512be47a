/**
 * TLS of the calls this node makes. grpc-js has credentials of its own, but they keep the certificates they were made
 * with, and name an IP address to the server as if it were a host name, which RFC 6066 forbids.
 */
import { isIP, type Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { CallCredentials, ChannelCredentials } from '@grpc/grpc-js';
import { PonosError } from '../base/error.js';
import type { TlsMaterial } from '../base/tls-material.js';

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

const HANDSHAKE_MS = 10_000;

/** Credentials of one channel: each connection uses the certificates of its time. */
export class TlsCredentials extends ChannelCredentials {
  readonly #source: { readonly current: TlsMaterial };
  readonly #host: string;
  #lastFailure: unknown;
  #context: { readonly material: TlsMaterial; readonly context: SecureContext } | undefined;

  /** @param host whom the server must be: the name or address it is known by, not the one a name resolved to */
  constructor(source: { readonly current: TlsMaterial }, host: string) {
    super();
    this.#source = source;
    this.#host = host;
  }

  /** Whom the server's certificate must be for. */
  get expectedName(): string {
    return this.#host;
  }

  /** Whether a server that asks for a certificate gets one. */
  get showedCertificate(): boolean {
    return this.#source.current.cert !== undefined;
  }

  /** What the last connection failed with, within its handshake or later; undefined as long as it is well. */
  get lastFailure(): unknown {
    return this.#lastFailure;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(
    ...[, , callCredentials]: Parameters<ChannelCredentials['_createSecureConnector']>
  ): Connector {
    return {
      connect: async (socket) => ({ socket: await this.#shakeHands(socket), secure: true }),
      waitForReady: async () => undefined,
      getCallCredentials: () => callCredentials ?? CallCredentials.createEmpty(),
      destroy: () => undefined,
    };
  }

  #shakeHands(socket: Socket): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const secured = connect({
        socket,
        host: this.#host,
        servername: isIP(this.#host) === 0 ? this.#host.replace(/\.$/, '') : '',
        secureContext: this.#secureContext(),
        ALPNProtocols: ['h2'],
      });
      const giveUp = (error: Error) => {
        clearTimeout(timer);
        secured.off('error', giveUp);
        secured.off('close', onClose);
        // Further errors of what is being destroyed are no news.
        secured.on('error', () => undefined);
        secured.destroy();
        socket.destroy();
        this.#lastFailure = error;
        reject(error);
      };
      const timer = setTimeout(
        () => giveUp(new PonosError('PEER_UNREACHABLE', { message: 'the TLS handshake takes too long' })),
        HANDSHAKE_MS,
      );
      const onClose = () => giveUp(hangUp());
      secured.once('error', giveUp);
      secured.once('close', onClose);
      secured.once('secureConnect', () => {
        clearTimeout(timer);
        secured.off('error', giveUp);
        secured.off('close', onClose);
        this.#lastFailure = undefined;
        this.#noteFirstWords(socket, secured);
        resolve(secured);
      });
    });
  }

  /** With TLS 1.3 a server may find fault with our certificate when the handshake is over for us. */
  #noteFirstWords(socket: Socket, secured: TLSSocket): void {
    const { bytesRead } = socket;
    secured.once('error', (error) => {
      this.#lastFailure = error;
    });
    secured.once('close', () => {
      if (socket.bytesRead === bytesRead) this.#lastFailure ??= hangUp();
    });
  }

  #secureContext(): SecureContext {
    const material = this.#source.current;
    if (this.#context?.material !== material) {
      const { cert, key, ca } = material;
      this.#context = { material, context: createSecureContext({ cert, key, ca, minVersion: 'TLSv1.2' }) };
    }
    return this.#context.context;
  }
}

/** As Node.js has it where the other side ends a connection without a word. */
function hangUp(): Error {
  return Object.assign(new Error('the peer hung up'), { code: 'ECONNRESET' });
}
