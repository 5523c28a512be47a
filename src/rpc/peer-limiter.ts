/** Requests per second per peer: a token bucket for each address, in bounded memory. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';

export interface PeerLimiterOptions {
  readonly clock: Clock;
  /** Sustained rate of one peer; a burst of as many requests (at least one) is allowed on top. */
  readonly requestsPerSecond: number;
  /** Peers remembered at once; the one not seen for longest is forgotten first. Default 10,000. */
  readonly maxPeers?: number;
}

export interface PeerLimiter {
  /**
   * Counts one request of a peer (gRPC's `address:port`; ports of one address count together).
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
      const address = peerAddress(peer);
      const nowMs = options.clock.monotonicMs();
      const bucket = buckets.get(address) ?? { tokens: capacity, updatedMs: nowMs };
      const next = takeToken(bucket, nowMs, options.requestsPerSecond, capacity);
      if (next === undefined) {
        throw new PonosError('REQUEST_LIMIT', {
          message: `too many requests from this peer, at most ${options.requestsPerSecond} per second`,
          facts: { peer: address },
          advice: 'Ask again in a few seconds.',
        });
      }
      buckets.set(address, next);
    },
  };
}

/** `1.2.3.4:5678` and `[::1]:5678` without the port; other spellings as they are. */
function peerAddress(peer: string): string {
  const match = /^(.*):\d+$/.exec(peer);
  return match?.[1] ?? peer;
}
