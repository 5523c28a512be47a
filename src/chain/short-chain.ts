/**
 * A chain that ends before the blocks that were read of it contradicts none of them, and is waited for. Begun anew, or with
 * an endpoint that was set back, it stays so for long, and no task is found meanwhile.
 */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { BlockRef } from './block.js';

/** Endpoints behind one name are often some blocks apart. */
const PATIENCE_MS = 60_000;

/**
 * Tells once when it has lasted, and once when it is over.
 * @param logger names the chain in every line
 * @returns to be called with the head of each look, and the last block that was read
 */
export function reportShortChain(
  clock: Pick<Clock, 'monotonicMs'>,
  logger: Logger,
): (head: Pick<BlockRef, 'number'>, cursor: Pick<BlockRef, 'number'>) => void {
  let sinceMs: number | undefined;
  let isTold = false;
  return (head, cursor) => {
    if (head.number >= cursor.number) {
      if (isTold) logger.info('the chain has the last block that was read of it again');
      sinceMs = undefined;
      isTold = false;
      return;
    }
    sinceMs ??= clock.monotonicMs();
    if (isTold || clock.monotonicMs() - sinceMs < PATIENCE_MS) return;
    isTold = true;
    logger.warn(
      'the chain ends before the last block that was read of it; no tasks are found until it is there',
      {
        head: head.number,
        cursor: cursor.number,
      },
    );
  };
}
