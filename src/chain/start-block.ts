/** Where a node begins that has never seen a chain before. */
import type { BlockNumber } from '../base/brands.js';
import { firstBlockSince, type ReadBlock, type TimedBlock } from './find-block.js';

/** A task older than this is no longer worth a first look. */
const MAX_LOOK_BACK_SECONDS = 24 * 60 * 60;

/**
 * The first block that can hold a living task: the first one younger than the head's time minus the longest
 * SLA, or minus one day if that is less.
 * @throws PonosError as `firstBlockSince`
 */
export function findStartBlock(
  head: TimedBlock,
  maxTaskSlaSeconds: number,
  read: ReadBlock,
): Promise<BlockNumber> {
  const oldestSeconds = head.timestampSeconds - Math.min(maxTaskSlaSeconds, MAX_LOOK_BACK_SECONDS);
  return firstBlockSince(oldestSeconds + 1, head, read);
}
