/**
 * Which sockets of operators may be dialled. Sockets are read from the chain, so whoever registers an
 * operator decides what this node connects to: addresses inside the machine or its network's
 * management plane are refused unless the configuration says otherwise.
 */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { PonosError } from '../base/error.js';
import { ipv6Bytes } from '../base/ipv6.js';

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
  // Where in it the IPv4 address stands is each network's own affair, so that it cannot be judged.
  'a local-use NAT64 address': ['64:ff9b:1::/48'],
};

/** IPv6 addresses that carry an IPv4 address at this byte: a translator or tunnel on the way leads there. */
const CARRIERS: readonly (readonly [cidr: string, byte: number])[] = [
  ['::ffff:0:0/96', 12], // IPv4-mapped
  ['::ffff:0:0:0/96', 12], // IPv4-translated
  ['::/96', 12], // IPv4-compatible
  ['64:ff9b::/96', 12], // NAT64
  ['2002::/16', 2], // 6to4
];
/** Teredo hides the client's IPv4 address, inverted, in the last four bytes. */
const TEREDO = '2001::/32';

/** A policy over resolved addresses. @throws PonosError VALUE_INVALID for a malformed CIDR */
export function createPeerPolicy(rules: PeerRules): PeerPolicy {
  const allowed = blockList(rules.allow);
  const denied = blockList(rules.deny);
  const loopback = blockList(LOOPBACK);
  const refused = Object.entries(REFUSED).map(([reason, cidrs]) => ({ reason, list: blockList(cidrs) }));
  const carried = carriedIpv4();
  return (address) => {
    if (isIP(address) === 0) return 'not an IP address';
    // An address is as bad as the worst of what it leads to, and as good as the best the operator has allowed.
    const faces = isIPv4(address) ? [address] : [address, ...carried(address)];
    const within = (list: BlockList) => faces.some((ip) => list.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6'));
    if (within(denied)) return 'denied by tasks.peers.deny';
    if (within(allowed)) return undefined;
    if (within(loopback)) return rules.allowLoopback ? undefined : 'a loopback address';
    return refused.find(({ list }) => within(list))?.reason;
  };
}

/** The IPv4 addresses in an IPv6 address; none for `::` and `::1`, which lie in the IPv4-compatible range. */
function carriedIpv4(): (ipv6: string) => string[] {
  const carriers = CARRIERS.map(([cidr, byte]) => ({ list: blockList([cidr]), byte }));
  const teredo = blockList([TEREDO]);
  return (ipv6) => {
    const bytes = ipv6Bytes(ipv6);
    if (bytes.subarray(0, 15).every((byte) => byte === 0) && (bytes[15] ?? 0) <= 1) return [];
    const found = carriers
      .filter(({ list }) => list.check(ipv6, 'ipv6'))
      .map(({ byte }) => bytes.subarray(byte, byte + 4).join('.'));
    if (!teredo.check(ipv6, 'ipv6')) return found;
    return [
      ...found,
      bytes
        .subarray(12)
        .map((byte) => byte ^ 0xff)
        .join('.'),
    ];
  };
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
