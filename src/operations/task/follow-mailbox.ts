/** The events of a mailbox as they come, for whoever watches: through outages of the chain's endpoint, which are told. */
import { type Address, type BlockNumber, blockNumber } from '../../base/brands.js';
import type { Clock } from '../../base/clock.js';
import { explain } from '../../base/error.js';
import type { ChainLog } from '../../chain/block.js';
import type { ChainClient } from '../../chain/client.js';
import { TASK_CREATED_TOPIC, TASK_VERIFIED_TOPIC } from '../../chain/contracts/task-mailbox.js';
import { canPass } from '../../chain/rpc-error.js';

export interface FollowMailboxOptions {
  readonly client: Pick<ChainClient, 'head' | 'logs'>;
  readonly mailbox: Address;
  readonly clock: Clock;
  /** Of a task that is created or verified, in the order of the chain. */
  readonly onEvent: (log: ChainLog) => void;
  /** Told once when the chain cannot be read, and once when it can again. */
  readonly tell: (line: string) => void;
}

const POLL_MS = 500;
/** Ranges that every endpoint serves; a watcher that fell behind catches up in several steps. */
const MAX_BLOCKS = 500;
const FILTER_TOPICS = [[TASK_CREATED_TOPIC, TASK_VERIFIED_TOPIC]];

/** From the present head on. @throws PonosError ABORTED when the signal aborts, and those of the chain that no time mends */
export async function followMailbox(options: FollowMailboxOptions, signal: AbortSignal): Promise<never> {
  const { client, clock, tell } = options;
  let next: BlockNumber | undefined;
  let isAway = false;
  for (;;) {
    try {
      const { number: head } = await client.head();
      next ??= head;
      while (next <= head) next = await readFrom(options, next, head);
      if (isAway) tell('the chain can be read again');
      isAway = false;
    } catch (error) {
      if (!canPass(error)) throw error;
      if (!isAway) tell(`the chain cannot be read now, trying again: ${explain(error)}`);
      isAway = true;
    }
    await clock.sleep(POLL_MS, signal);
  }
}

/** @returns the block to go on with */
async function readFrom(
  { client, mailbox, onEvent }: FollowMailboxOptions,
  first: BlockNumber,
  head: BlockNumber,
): Promise<BlockNumber> {
  const last = blockNumber(Math.min(head, first + MAX_BLOCKS - 1));
  const filter = { addresses: [mailbox], topics: FILTER_TOPICS };
  for (const log of await client.logs(filter, { fromBlock: first, toBlock: last })) onEvent(log);
  return blockNumber(last + 1);
}
