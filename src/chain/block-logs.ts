/**
 * The logs of a block near the head. Endpoints are known to answer with none for a block that is so new to them that
 * they have not indexed it; the block's header tells.
 */
import type { Clock } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { type Block, type ChainLog, parseLogs, record } from './block.js';
import type { ChainClient, LogFilter } from './client.js';
import { type BloomPattern, bloomPattern, judgeBloom } from './logs-bloom.js';

export interface BlockLogsOptions {
  readonly client: Pick<ChainClient, 'logs' | 'request' | 'name'>;
  readonly filter: LogFilter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Pauses before the logs are asked for once more, where no receipts tell; after the last one the answer is believed. */
const PAUSES_MS = [250, 500, 1_000] as const;

export class BlockLogs {
  readonly #options: BlockLogsOptions;
  readonly #pattern: BloomPattern;
  #isLeavingOut = false;

  constructor(options: BlockLogsOptions) {
    this.#options = options;
    this.#pattern = bloomPattern(options.filter);
  }

  /** @throws PonosError CHAIN_RPC when the logs are of another block, ABORTED, and the client's */
  async read(block: Block, signal: AbortSignal | undefined): Promise<readonly ChainLog[]> {
    const logs = await this.#ask(block);
    if (logs.length > 0) {
      this.#isLeavingOut = false;
      return logs;
    }
    if (judgeBloom(block.logsBloom, this.#pattern) !== 'likely') return [];
    const missed = (await this.#fromReceipts(block)) ?? (await this.#askAgain(block, signal));
    if (missed.length > 0 && !this.#isLeavingOut) {
      this.#isLeavingOut = true;
      this.#options.logger.warn('an endpoint has left out logs of a new block; they were found otherwise', {
        block: block.number,
        logs: missed.length,
      });
    }
    return missed;
  }

  async #ask(block: Block): Promise<readonly ChainLog[]> {
    const { client, filter } = this.#options;
    return this.#ofBlock(block, await client.logs(filter, { blockHash: block.hash }));
  }

  /** Undefined when the endpoint cannot tell: many do not know the method. */
  async #fromReceipts(block: Block): Promise<readonly ChainLog[] | undefined> {
    const { client, filter } = this.#options;
    try {
      const receipts = await client.request('eth_getBlockReceipts', [block.hash]);
      // A block whose header tells of logs has receipts.
      if (!Array.isArray(receipts) || receipts.length === 0) return undefined;
      const logs = receipts.flatMap((receipt) => parseLogs(record(receipt, 'a receipt').logs));
      return this.#ofBlock(
        block,
        logs.filter((log) => fits(log, filter)),
      );
    } catch (error) {
      if (isPonosError(error, 'CHAIN_RPC')) return undefined;
      throw error;
    }
  }

  async #askAgain(block: Block, signal: AbortSignal | undefined): Promise<readonly ChainLog[]> {
    for (const pauseMs of PAUSES_MS) {
      await this.#options.clock.sleep(pauseMs, signal);
      const logs = await this.#ask(block);
      if (logs.length > 0) return logs;
    }
    return []; // other logs have set the same bits
  }

  #ofBlock({ number, hash }: Block, logs: readonly ChainLog[]): readonly ChainLog[] {
    if (logs.every(({ blockHash }) => blockHash === hash)) return logs;
    throw new PonosError('CHAIN_RPC', {
      message: `chain ${this.#options.client.name} answered with logs of another block than asked for`,
      facts: { block: number, hash },
    });
  }
}

/** As an endpoint would choose. */
function fits({ address, topics }: ChainLog, filter: LogFilter): boolean {
  if (!filter.addresses.includes(address)) return false;
  return filter.topics.every((wanted, position) => {
    const topic = topics[position];
    return wanted === null || (topic !== undefined && [wanted].flat().includes(topic));
  });
}
