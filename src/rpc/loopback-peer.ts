/** Callers on this machine. */
import { isIPv4 } from 'node:net';
import { peerAddress } from './peer-group.js';

/** Whether a peer (an address, or gRPC's `address:port`) is reached through the loopback interface. */
export function isLoopbackPeer(peer: string): boolean {
  const host = peerAddress(peer).replace(/^::ffff:/i, '');
  return host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
