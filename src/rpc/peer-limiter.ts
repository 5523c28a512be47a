/** Requests per second per peer: a token bucket for each address (of IPv6: each /64), in bounded memory. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { peerGroup } from './peer-group.js';

export interface PeerLimiterOptions {
  readonly clock: Clock;
  /** Sustained rate of one peer; a burst of as many requests (at least one) is allowed on top. */
  readonly requestsPerSecond: number;
  /** Peers remembered at once; the one not seen for longest is forgotten first. Default 10,000. */
  readonly maxPeers?: number;
}

export interface PeerLimiter {
  /**
   * Counts one request of a peer (gRPC's `address:port`; ports of one address count together, and addresses of one IPv6 /64).
   * @throws PonosError REQUEST_LIMIT when the peer asks too often
   */
  admit(peer: string): void;
}

export interface TokenBucket {
  readonly tokens: number;
  readonly updatedMs: number;
}

/** The bucket after taking one token at `nowMs`, or undefined when there is none to take. */
export function takeToken(
  bucket: TokenBucket,
  nowMs: number,
  ratePerSecond: number,
  capacity: number,
): TokenBucket | undefined {
  const elapsedMs = Math.max(0, nowMs - bucket.updatedMs);
  const tokens = Math.min(capacity, bucket.tokens + (elapsedMs / 1000) * ratePerSecond);
  return tokens < 1 ? undefined : { tokens: tokens - 1, updatedMs: nowMs };
}

export function createPeerLimiter(options: PeerLimiterOptions): PeerLimiter {
  const capacity = Math.max(1, options.requestsPerSecond);
  const buckets = new LRUCache<string, TokenBucket>({ max: options.maxPeers ?? 10_000 });
  return {
    admit(peer) {
      const group = peerGroup(peer);
      const nowMs = options.clock.monotonicMs();
      const bucket = buckets.get(group) ?? { tokens: capacity, updatedMs: nowMs };
      const next = takeToken(bucket, nowMs, options.requestsPerSecond, capacity);
      if (next === undefined) {
        throw new PonosError('REQUEST_LIMIT', {
          message: `too many requests from this peer, at most ${options.requestsPerSecond} per second`,
          facts: { peer: group },
          advice: 'Ask again in a few seconds.',
        });
      }
      buckets.set(group, next);
    },
  };
}
