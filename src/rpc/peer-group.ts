/** Whom limits are for: one IPv4 address, or the /64 network that any customer of an IPv6 provider has to itself. */
import { isIPv4, isIPv6 } from 'node:net';
import { toHex } from '../base/bytes.js';
import { ipv6Bytes } from '../base/ipv6.js';

const NETWORK_BYTES = 8;
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** @param peer an address, or gRPC's `address:port`; whatever is none of both stands for itself */
export function peerGroup(peer: string): string {
  const address = peerAddress(peer);
  const mapped = MAPPED_IPV4.exec(address)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  if (!isIPv6(address)) return address;
  return `${toHex(ipv6Bytes(address).subarray(0, NETWORK_BYTES))}/64`;
}

/** `1.2.3.4:5678`, `[::1]:5678` and grpc-js's `::1:5678` without the port; a bare IPv6 address needs none removed. */
export function peerAddress(peer: string): string {
  const bracketed = /^\[(.*)\](?::\d+)?$/.exec(peer)?.[1];
  if (bracketed !== undefined) return bracketed;
  const withoutPort = /^(.*):\d+$/.exec(peer)?.[1];
  if (withoutPort === undefined || withoutPort === '') return peer;
  return isIPv4(withoutPort) || isIPv6(withoutPort) || !isIPv6(peer) ? withoutPort : peer;
}
