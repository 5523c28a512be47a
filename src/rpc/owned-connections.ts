/**
 * The sockets behind a channel, so that whoever closes it can be sure of it. A peer that breaks HTTP/2's rules can
 * bring Node's session into a state in which it reads nothing more, tells nobody, and never closes gracefully:
 * without this, each such peer would hold a descriptor for good.
 */
import type { Socket } from 'node:net';
import { ChannelCredentials } from '@grpc/grpc-js';

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/** Credentials that keep hold of every socket they are used on; for one channel. */
export class OwnedConnections extends ChannelCredentials {
  readonly #credentials: ChannelCredentials;
  readonly #sockets = new Set<Socket>();

  constructor(credentials: ChannelCredentials) {
    super();
    this.#credentials = credentials;
  }

  /** Sockets that are open now. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Calls that are under way on them fail; the channel opens another socket for the next call. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  override _isSecure(): boolean {
    return this.#credentials._isSecure();
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(
    ...args: Parameters<ChannelCredentials['_createSecureConnector']>
  ): Connector {
    const connector = this.#credentials._createSecureConnector(...args);
    return {
      connect: (socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
        return connector.connect(socket);
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }
}
