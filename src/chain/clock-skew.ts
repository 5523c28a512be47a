/**
 * How far this machine's date is from a chain's time. Deadlines do not depend on it, but other things of the
 * operator do (certificates, signatures with a lifetime), so it is told: once when it begins, once when it is over.
 */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Block } from './block.js';

/** Seen from this machine: `ahead` also when the chain's newest block is an old one. */
export type SkewClass = 'in step' | 'ahead' | 'behind';

/** Blocks are some seconds old when they are seen, and a chain may miss a few of them. */
const NOTABLE_SECONDS = 60;
/** Below this it is over; in between it stays what it was, lest it is told of at every other block. */
const OVER_SECONDS = 30;

/** @param skewSeconds this machine's date minus the chain's time */
export function classifySkew(before: SkewClass, skewSeconds: number): SkewClass {
  const now = skewSeconds > 0 ? 'ahead' : 'behind';
  const size = Math.abs(skewSeconds);
  if (size > NOTABLE_SECONDS) return now;
  return size > OVER_SECONDS && before === now ? now : 'in step';
}

/** What a change to each class is told with. */
const MESSAGES = {
  'in step': "this machine's clock and the chain's time agree again",
  ahead:
    "this machine's clock is ahead of the chain's time, or the chain makes no new blocks; deadlines are judged by the chain's time",
  behind: "this machine's clock is behind the chain's time; deadlines are judged by the chain's time",
} as const;

/**
 * Tells of the skew of one chain whenever a head changes its class.
 * @param logger names the chain in every line
 * @returns to be called with each head that was just read; one that was seen before says nothing new
 */
export function reportSkew(
  clock: Pick<Clock, 'nowMs'>,
  logger: Logger,
): (head: Pick<Block, 'hash' | 'timestampSeconds'>) => void {
  let told: SkewClass = 'in step';
  let seen: Block['hash'] | undefined;
  return ({ hash, timestampSeconds }) => {
    if (hash === seen) return;
    seen = hash;
    const skewSeconds = clock.nowMs() / 1_000 - timestampSeconds;
    const now = classifySkew(told, skewSeconds);
    if (now === told) return;
    told = now;
    const log = now === 'in step' ? logger.info : logger.warn;
    log(MESSAGES[now], { skewSeconds: Math.round(skewSeconds) });
  };
}
