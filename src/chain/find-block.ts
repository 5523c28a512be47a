/** Finding a block by its time, with one block read per halving. */
import { type BlockNumber, blockNumber } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import type { Block } from './block.js';

/** What tells when a block was made. */
export type TimedBlock = Pick<Block, 'number' | 'timestampSeconds'>;

/** A block of the chain; undefined when the endpoint knows none of that number. */
export type ReadBlock<Found = TimedBlock> = (number: BlockNumber) => Promise<Found | undefined>;

/**
 * The first block the endpoint knows: 0, or the one that a snapshot was taken at (development chains
 * are started from a dumped state, and know nothing of the blocks below it).
 */
export async function firstKnownBlock(head: BlockNumber, read: ReadBlock<unknown>): Promise<BlockNumber> {
  const first = blockNumber(0);
  if ((await read(first)) !== undefined) return first;
  return halve(first, head, async (number) => (await read(number)) !== undefined);
}

/**
 * The lowest known block whose time is at least `seconds`; the head when there is none.
 * @throws PonosError CHAIN_RPC when a block between two known ones is missing, and what `read` throws
 */
export async function firstBlockSince(
  seconds: number,
  head: TimedBlock,
  read: ReadBlock,
): Promise<BlockNumber> {
  const first = await firstKnownBlock(head.number, read);
  return halve(first, head.number, async (number) => {
    const block = await read(number);
    if (block !== undefined) return block.timestampSeconds >= seconds;
    throw new PonosError('CHAIN_RPC', {
      message: 'the endpoint does not know a past block',
      facts: { number, head: head.number },
    });
  });
}

/** The lowest number from `low` on for which `holds`, where it holds for all above; `high` is not asked. */
async function halve(
  low: BlockNumber,
  high: BlockNumber,
  holds: (number: BlockNumber) => Promise<boolean>,
): Promise<BlockNumber> {
  let [below, above] = [Number(low), Number(high)];
  while (below < above) {
    const middle = Math.floor((below + above) / 2);
    if (await holds(blockNumber(middle))) above = middle;
    else below = middle + 1;
  }
  return blockNumber(below);
}
