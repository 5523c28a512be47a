/** From an operator's socket to the address that is dialled. */
import { lookup as dnsLookup } from 'node:dns/promises';
import { isIP, isIPv4 } from 'node:net';
import { PonosError } from '../base/error.js';
import { formatSocketAddress, parseSocketAddress } from '../rpc/socket-address.js';
import type { PeerPolicy } from './peer-policy.js';

/** All addresses of a host name. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export const systemLookup: Lookup = async (host) =>
  (await dnsLookup(host, { all: true, verbatim: true })).map(({ address }) => address);

/**
 * Askers for one name at the same time share one look-up: a name server that never answers then holds one of
 * the few threads the system resolves names on, not one for every task and attempt. Nothing is remembered.
 */
export function sharedLookup(lookup: Lookup): Lookup {
  const underWay = new Map<string, Promise<readonly string[]>>();
  return (host) => {
    const asked = underWay.get(host);
    if (asked !== undefined) return asked;
    const answer = lookup(host).finally(() => underWay.delete(host));
    underWay.set(host, answer);
    return answer;
  };
}

/**
 * Resolves a socket and returns it with an address that the policy allows in place of the name, so
 * that what was judged is what is dialled, whatever the name resolves to a moment later.
 * @throws PonosError VALUE_INVALID for a malformed socket, PEER_REFUSED when no address is allowed,
 *   PEER_UNREACHABLE when the name does not resolve now
 */
export async function resolvePeer(socket: string, policy: PeerPolicy, lookup: Lookup): Promise<string> {
  const { host, port } = parseSocketAddress(socket);
  const addresses = isIP(host) === 0 ? await resolve(host, lookup) : [host];
  const allowed = addresses.filter((address) => policy(address) === undefined);
  // Of a name with both kinds IPv4 first: nodes listen there, and `localhost` often leads to ::1 before.
  const chosen = allowed.find(isIPv4) ?? allowed[0];
  if (chosen !== undefined) return formatSocketAddress({ host: chosen, port });
  const [first = host] = addresses;
  throw new PonosError('PEER_REFUSED', {
    message: `the operator's socket is not dialled: it is ${policy(first)}`,
    facts: { socket, address: first },
    advice: 'If this is intended, add the address to tasks.peers.allow.',
  });
}

async function resolve(host: string, lookup: Lookup): Promise<readonly string[]> {
  try {
    return await lookup(host);
  } catch (cause) {
    throw new PonosError('PEER_UNREACHABLE', {
      message: "the name in the operator's socket does not resolve",
      facts: { host },
      cause,
    });
  }
}
