/**
 * One-time tokens of the management API. Handing one out costs no memory, whoever asks and how often: a token carries
 * its own expiry under a MAC of this process, and only those that were used are remembered, until they expire.
 *
 *   6 bytes expiry (monotonic ms) · 6 bytes counter · 20 bytes of HMAC-SHA-256 over both, as 64 hex digits
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import { PonosError } from '../../base/error.js';

const VALID_MS = 5 * 60_000;
const HEAD_BYTES = 12;
const MAC_BYTES = 20;
/** Only signatures of the operator's key use tokens up, so that nobody else fills this. */
const MAX_USED = 100_000;

export interface ChallengeToken {
  /** 64 lower-case hex digits, without 0x. */
  readonly token: string;
  /** By the date, for the caller; what counts is the time that has passed. */
  readonly expiresAtSeconds: number;
}

export interface ChallengeTokens {
  issue(): ChallengeToken;
  /** @throws PonosError CREDENTIALS_REFUSED unless the token is of this process, not expired and not used */
  check(token: string): void;
  /** Uses a checked token up. @throws PonosError REQUEST_LIMIT when too many were used of late */
  use(token: string): void;
  /** Used tokens that are remembered. */
  readonly remembered: number;
}

/** @param maxUsed used tokens that are remembered at once. Default 100,000 */
export function createChallengeTokens(clock: Clock, maxUsed = MAX_USED): ChallengeTokens {
  const secret = randomBytes(32);
  /** Used tokens with the time from which they have expired for sure; in the order of both. */
  const used = new Map<string, number>();
  let counter = 0;

  const macOf = (head: Uint8Array) =>
    createHmac('sha256', secret).update(head).digest().subarray(0, MAC_BYTES);

  function forgetExpired(): void {
    for (const [token, untilMs] of used) {
      if (untilMs > clock.monotonicMs()) return;
      used.delete(token);
    }
  }

  return {
    issue() {
      const head = Buffer.alloc(HEAD_BYTES);
      head.writeUIntBE(Math.floor(clock.monotonicMs()) + VALID_MS, 0, 6);
      head.writeUIntBE(counter++, 6, 6);
      return {
        token: Buffer.concat([head, macOf(head)]).toString('hex'),
        expiresAtSeconds: Math.floor((clock.nowMs() + VALID_MS) / 1_000),
      };
    },
    check(token) {
      const bytes = /^[0-9a-f]{64}$/.test(token) ? Buffer.from(token, 'hex') : undefined;
      const head = bytes?.subarray(0, HEAD_BYTES);
      if (!bytes || !head || !timingSafeEqual(macOf(head), bytes.subarray(HEAD_BYTES))) {
        throw refused('the challenge token is not one of this node, or from before its restart');
      }
      if (head.readUIntBE(0, 6) <= clock.monotonicMs()) throw refused('the challenge token has expired');
      if (used.has(token)) throw refused('the challenge token was used before');
    },
    use(token) {
      forgetExpired();
      if (used.size >= maxUsed) {
        throw new PonosError('REQUEST_LIMIT', {
          message: 'too many management calls within a few minutes',
          facts: { calls: used.size },
          advice: 'Ask again in a few minutes.',
        });
      }
      used.set(token, clock.monotonicMs() + VALID_MS);
    },
    get remembered() {
      return used.size;
    },
  };
}

function refused(message: string): PonosError {
  return new PonosError('CREDENTIALS_REFUSED', {
    message,
    advice: 'Ask for another one with GetChallengeToken; each is good for one call within 5 minutes.',
  });
}
