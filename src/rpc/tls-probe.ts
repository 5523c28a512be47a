/** Whether a port speaks TLS: for the sentence about a call in plaintext that nobody has answered. */
import { connect } from 'node:tls';
import { errorCodeOf } from '../base/tls-failure.js';
import type { SocketAddress } from './socket-address.js';

/** Also for a node that is far away, or busy. */
const PROBE_MS = 5_000;

/**
 * Begins a handshake and ends it; nothing is said on the connection. A certificate of anybody, or an alert, is an answer
 * in TLS; all else is none.
 */
export function speaksTls({ host, port }: SocketAddress): Promise<boolean> {
  return new Promise((resolve) => {
    // Nothing is trusted to whoever answers.
    const socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    const end = (isTls: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isTls);
    };
    const timer = setTimeout(() => end(false), PROBE_MS);
    socket.once('secureConnect', () => end(true));
    // Further errors of a socket that is being destroyed are no news.
    socket.on('error', (error) => end(errorCodeOf(error).includes('_ALERT_')));
    socket.once('close', () => end(false));
  });
}
