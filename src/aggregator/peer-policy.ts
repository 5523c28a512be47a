/**
 * Which sockets of operators may be dialled. Sockets are read from the chain, so whoever registers an
 * operator decides what this node connects to: addresses inside the machine or its network's
 * management plane are refused unless the configuration says otherwise.
 */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { PonosError } from '../base/error.js';

export interface PeerRules {
  /** CIDRs (or single addresses) that may be dialled although they are refused by default. */
  readonly allow: readonly string[];
  /** CIDRs that are never dialled; stronger than `allow`. */
  readonly deny: readonly string[];
  /** Loopback is for local chains, where all nodes share one machine. */
  readonly allowLoopback: boolean;
}

/** Judges one resolved IP address: undefined when it may be dialled, else the reason. */
export type PeerPolicy = (ip: string) => string | undefined;

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** What is never an operator's public socket, by reason. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'a cloud metadata address': [
    '169.254.169.254/32', // AWS, GCP, Azure, DigitalOcean
    '169.254.170.2/32', // AWS ECS
    '100.100.100.200/32', // Alibaba Cloud
    '168.63.129.16/32', // Azure's host agent
    '192.0.0.192/32', // Oracle Cloud
    'fd00:ec2::/32', // AWS over IPv6
  ],
  'a link-local address': ['169.254.0.0/16', 'fe80::/10'],
  'an unspecified address': ['0.0.0.0/8', '::/128'],
  'a multicast or broadcast address': ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8'],
};

/** A policy over resolved addresses. @throws PonosError VALUE_INVALID for a malformed CIDR */
export function createPeerPolicy(rules: PeerRules): PeerPolicy {
  const allowed = blockList(rules.allow);
  const denied = blockList(rules.deny);
  const loopback = blockList(LOOPBACK);
  const refused = Object.entries(REFUSED).map(([reason, cidrs]) => ({ reason, list: blockList(cidrs) }));
  return (address) => {
    const ip = unmapped(address);
    const within = (list: BlockList) => list.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6');
    if (isIP(ip) === 0) return 'not an IP address';
    if (within(denied)) return 'denied by tasks.peers.deny';
    if (within(allowed)) return undefined;
    if (within(loopback)) return rules.allowLoopback ? undefined : 'a loopback address';
    return refused.find(({ list }) => within(list))?.reason;
  };
}

/** `::ffff:127.0.0.1` and its hexadecimal spelling are IPv4 addresses in disguise. */
function unmapped(address: string): string {
  if (isIP(address) !== 6) return address;
  const canonical = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1);
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (match?.[1] === undefined || match[2] === undefined) return canonical;
  const value = (Number.parseInt(match[1], 16) << 16) | Number.parseInt(match[2], 16);
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', prefix, rest] = cidr.split('/');
    const version = isIP(address);
    const bits = prefix === undefined ? (version === 4 ? 32 : 128) : Number(prefix);
    const sound = rest === undefined && version !== 0 && (prefix === undefined || /^\d{1,3}$/.test(prefix));
    if (!sound || bits > (version === 4 ? 32 : 128)) {
      throw new PonosError('VALUE_INVALID', {
        message: 'expected a CIDR such as 10.0.0.0/8 or fd00::/8',
        facts: { found: cidr.slice(0, 80) },
      });
    }
    list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
