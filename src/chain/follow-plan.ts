/** Which blocks a follower reads next; pure. */
import { type BlockNumber, blockNumber } from '../base/brands.js';

/** Blocks that are remembered at least, to recognise a reorg by. */
export const MIN_HISTORY = 128;
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
  // What is read in ranges is not remembered block by block.
  const lastFinal = safe - Math.max(position.maxReorgDepth, MIN_HISTORY) - 1;
  if (position.next < lastFinal) {
    return {
      kind: 'range',
      from,
      to: blockNumber(Math.min(lastFinal, position.next + position.rangeSize - 1)),
    };
  }
  return { kind: 'blocks', from, to: blockNumber(Math.min(safe, position.next + WINDOW - 1)) };
}
