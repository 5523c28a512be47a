/** Callers on this machine. */
import { isIPv4 } from 'node:net';

/** Whether a peer (gRPC's `address:port`) has called through the loopback interface. */
export function isLoopbackPeer(peer: string): boolean {
  const host = peer
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/i, '');
  return host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
