/** L1 for admission: its head and blocks, with what was read of orphaned blocks forgotten. */
import { type BlockNumber, blockNumber } from '../base/brands.js';
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Block } from '../chain/block.js';
import type { ChainClient } from '../chain/client.js';

/** What is needed of L1's client. */
type ViewedClient = Pick<ChainClient, 'chainId' | 'head' | 'block' | 'forgetFrom'>;

export interface L1View {
  readHead(): Promise<Block>;
  /** Undefined when the endpoint does not know the block. */
  readBlock(number: BlockNumber): Promise<Block | undefined>;
}

/**
 * @param maxReorgDepth how many blocks below a replaced head are read anew
 * @param onHead told of each head that is read
 */
export function createL1View(
  client: ViewedClient,
  maxReorgDepth: number,
  logger: Logger,
  onHead: (head: Block) => void,
): L1View {
  const { chainId } = client;
  let previous: Block | undefined;
  let isAway = false;

  /** Whoever asked may have hung up by the time an endpoint is given up, and would hear of it from nobody else. */
  async function toldHead(): Promise<Block> {
    try {
      const head = await client.head();
      if (isAway) logger.info('L1 can be read again', { chainId });
      isAway = false;
      return head;
    } catch (error) {
      if (!isAway && !isPonosError(error, 'ABORTED')) {
        isAway = true;
        logger.warn('L1 cannot be read now; no task is taken until it can', { chainId, error });
      }
      throw error;
    }
  }

  return {
    async readHead() {
      const head = await toldHead();
      onHead(head);
      const before = previous;
      const isSame = before === undefined || (await isStillThere(client, before, head));
      // The highest block seen stays the one to compare with while an endpoint lags behind it.
      if (!isSame || before === undefined || head.number >= before.number) previous = head;
      if (before && !isSame) {
        client.forgetFrom(blockNumber(Math.max(0, before.number - maxReorgDepth)));
        logger.info('L1 was reorganised; what was read of its last blocks is read anew', {
          chainId,
          head: head.number,
        });
      }
      return head;
    },
    readBlock: (number) => client.block(number),
  };
}

async function isStillThere(
  client: Pick<ViewedClient, 'block'>,
  before: Block,
  head: Block,
): Promise<boolean> {
  if (head.hash === before.hash || head.parentHash === before.hash) return true;
  // A lagging endpoint may answer with an older head of the same chain: that orphans nothing.
  const now = await client.block(before.number);
  return now === undefined ? head.number < before.number : now.hash === before.hash;
}
