/** Where a node begins that has never seen a chain before. */
import { type BlockNumber, blockNumber } from '../base/brands.js';
import type { Block } from './block.js';

/** A task older than this is no longer worth a first look. */
const MAX_LOOK_BACK_SECONDS = 24 * 60 * 60;

/**
 * The first block that can hold a living task: the first one younger than the head's time minus the longest
 * SLA, or minus one day if that is less. Found by halving, with one block read per step.
 */
export async function findStartBlock(
  head: Block,
  maxTaskSlaSeconds: number,
  readTimestamp: (number: BlockNumber) => Promise<number>,
): Promise<BlockNumber> {
  const oldest = head.timestampSeconds - Math.min(maxTaskSlaSeconds, MAX_LOOK_BACK_SECONDS);
  // Invariant: every block below `low` is too old, the block `high` is young enough.
  let low = 0;
  let high = Number(head.number);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((await readTimestamp(blockNumber(middle))) > oldest) high = middle;
    else low = middle + 1;
  }
  return blockNumber(low);
}
