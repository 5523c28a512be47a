/** Which blocks a follower reads next; pure. */
import { type BlockNumber, blockNumber } from '../base/brands.js';

/** Blocks that are read one by one are fetched this many at a time. */
const WINDOW = 16;

export type FollowPlan =
  | { readonly kind: 'wait' }
  /** Far behind: logs of a range by number, which no reorg within bounds can touch any more. */
  | { readonly kind: 'range'; readonly from: BlockNumber; readonly to: BlockNumber }
  /** Near the head: each block by itself, its logs tied to it by hash. */
  | { readonly kind: 'blocks'; readonly from: BlockNumber; readonly to: BlockNumber };

export interface FollowPosition {
  /** The next block to process. */
  readonly next: number;
  readonly head: number;
  readonly blockConfirmations: number;
  readonly maxReorgDepth: number;
  /** Blocks that one range may span now. */
  readonly rangeSize: number;
}

export function planNext(position: FollowPosition): FollowPlan {
  const safe = position.head - position.blockConfirmations;
  if (position.next > safe) return { kind: 'wait' };
  const from = blockNumber(position.next);
  const lastFinal = position.head - Math.max(position.maxReorgDepth, position.blockConfirmations) - 1;
  if (position.next < lastFinal) {
    return {
      kind: 'range',
      from,
      to: blockNumber(Math.min(lastFinal, position.next + position.rangeSize - 1)),
    };
  }
  return { kind: 'blocks', from, to: blockNumber(Math.min(safe, position.next + WINDOW - 1)) };
}

/** The size of the next range: halved after a failure, doubled back after a success. */
export function nextRangeSize(size: number, outcome: 'failed' | 'read', max: number): number {
  return outcome === 'failed' ? Math.max(1, Math.floor(size / 2)) : Math.min(max, size * 2);
}
