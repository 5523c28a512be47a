/** A chain as the node reads it: blocks, logs and calls, from the first of its endpoints that answers. */
import type { Address, BlockNumber, ChainId, Hash32 } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { type Block, type ChainLog, parseBlock, parseData, parseLogs, toQuantity } from './block.js';
import { CallCache } from './call-cache.js';
import { Endpoint } from './endpoint.js';
import { TOLERATED_LAG_BLOCKS } from './endpoint-health.js';
import { EndpointPool, type PoolRequest } from './endpoint-pool.js';
import type { EndpointStatus } from './endpoint-roster.js';
import type { Delivery } from './json-rpc.js';

export interface ChainClientOptions {
  readonly chainId: ChainId;
  /** The chain's name in messages. */
  readonly name: string;
  /** In order of preference, at least one. */
  readonly rpcUrls: readonly string[];
  readonly clock: Clock;
  /** Default 10 s. */
  readonly requestTimeoutMs?: number;
  readonly logger: Logger;
}

/** Past blocks by number; `latest` is the endpoint's head. */
export type BlockTag = BlockNumber | 'latest';

export interface CallRequest {
  readonly to: Address;
  readonly data: Uint8Array;
  readonly at: BlockTag;
}

export type LogFilter = {
  readonly addresses: readonly Address[];
  /** As in `eth_getLogs`: by position, any of a list, null for all. */
  readonly topics: readonly (Hash32 | readonly Hash32[] | null)[];
};

/** Either one block, tied by its hash, or a range of numbers, both ends included. */
export type LogPlace =
  | { readonly blockHash: Hash32 }
  | { readonly fromBlock: BlockNumber; readonly toBlock: BlockNumber };

export class ChainClient {
  readonly chainId: ChainId;
  readonly name: string;
  readonly #pool: EndpointPool;
  readonly #calls = new CallCache();
  readonly #forgetting = new Set<(from: BlockNumber) => void>();

  constructor(options: ChainClientOptions) {
    const { chainId, name, rpcUrls, clock, requestTimeoutMs = 10_000 } = options;
    if (rpcUrls.length === 0) {
      throw new PonosError('CONFIG_INVALID', { message: `chain ${name} has no rpcUrl` });
    }
    this.chainId = chainId;
    this.name = name;
    this.#pool = new EndpointPool({
      chainName: name,
      endpoints: rpcUrls.map(
        (url) => new Endpoint({ url, chainId, chainName: name, requestTimeoutMs, clock }),
      ),
      clock,
      patienceMs: requestTimeoutMs,
      logger: options.logger.child({ chainId }),
    });
  }

  /**
   * Asks every endpoint for its chain id. Goes on, with a warning, while one of several answers.
   * @throws PonosError CHAIN_UNREACHABLE, CHAIN_RATE_LIMITED when none answers, CHAIN_MISMATCH when any serves
   *   another chain
   */
  start(signal?: AbortSignal): Promise<void> {
    return this.#pool.start(signal);
  }

  /** How each endpoint is doing, in the order of the configuration. */
  status(): readonly EndpointStatus[] {
    return this.#pool.status();
  }

  /** The newest block of the endpoint that answers; of several, of one that keeps up with the others. */
  head(): Promise<Block> {
    return this.#pool.head();
  }

  /** A block of the canonical chain by number, or any block by hash; undefined if no endpoint knows it. */
  async block(numberOrHash: BlockNumber | Hash32): Promise<Block | undefined> {
    const isNumber = typeof numberOrHash === 'number';
    const request: PoolRequest<Block> = {
      method: isNumber ? 'eth_getBlockByNumber' : 'eth_getBlockByHash',
      params: [isNumber ? toQuantity(numberOrHash) : numberOrHash, false],
      delivery: 'batched',
      parse: (answer, { health, endpoint }) => {
        if (answer !== null) return parseBlock(answer);
        // The newest ones may be unknown to the next server behind the same URL.
        const isTold = isNumber && numberOrHash <= (health.head ?? 0) - TOLERATED_LAG_BLOCKS;
        throw new PonosError('CHAIN_RPC', {
          message: `${endpoint.where} does not have a block`,
          facts: { reason: isTold ? 'missing-block' : 'unknown-block', block: numberOrHash },
        });
      },
    };
    try {
      return isNumber ? await this.#pool.blockAt(request) : await this.#pool.ask(request);
    } catch (error) {
      const { reason } = isPonosError(error, 'CHAIN_RPC') ? error.facts : {};
      if (reason === 'missing-block' || reason === 'unknown-block') return undefined;
      throw error;
    }
  }

  /**
   * In the order of the chain, of the place that was asked for and no other.
   * @throws PonosError CHAIN_RPC also for a range the endpoint finds too large, with the reason `range-too-large`
   */
  async logs(filter: LogFilter, place: LogPlace): Promise<ChainLog[]> {
    const where =
      'blockHash' in place
        ? { blockHash: place.blockHash }
        : { fromBlock: toQuantity(place.fromBlock), toBlock: toQuantity(place.toBlock) };
    const query = { address: filter.addresses, topics: filter.topics, ...where };
    return this.ask('eth_getLogs', [query], 'single', (answer) => {
      const logs = parseLogs(answer);
      if (logs.every((log) => isAt(log, place))) return logs;
      throw new PonosError('CHAIN_RPC', {
        message: `an endpoint of chain ${this.name} answered with logs of other blocks than asked for`,
        facts: { ...where },
      });
    });
  }

  /**
   * What a read-only call returns. Answers at a numbered block are kept; equal calls share one request.
   * @throws PonosError CONTRACT_REVERTED, CHAIN_RPC (also for a block the endpoint does not have yet), …
   */
  call({ to, data, at }: CallRequest): Promise<Uint8Array> {
    const hex = toHex(data);
    const tag = at === 'latest' ? at : toQuantity(at);
    const load = () => this.ask('eth_call', [{ to, data: hex }, tag], 'batched', parseData);
    return at === 'latest' ? load() : this.#calls.get(at, `${to}:${hex}`, load);
  }

  /** Forgets what calls returned at this block or later; for reorgs. */
  forgetFrom(block: BlockNumber): void {
    this.#calls.forgetFrom(block);
    for (const forget of this.#forgetting) forget(block);
  }

  /** For others who keep what they have read: `forget` is called with each block that `forgetFrom` is. */
  onForget(forget: (from: BlockNumber) => void): void {
    this.#forgetting.add(forget);
  }

  /** The code at an address; empty if there is no contract. */
  async code(address: Address, at: BlockTag): Promise<Uint8Array> {
    const tag = at === 'latest' ? at : toQuantity(at);
    return this.ask('eth_getCode', [address, tag], 'batched', parseData);
  }

  /**
   * Any JSON-RPC method. Endpoints are tried in order until one answers; a revert or a rejected
   * transaction is an answer.
   * @throws PonosError as `Endpoint.request`; of several failed endpoints, the first one's error
   */
  request(method: string, params: readonly unknown[], delivery: Delivery = 'single'): Promise<unknown> {
    return this.ask(method, params, delivery, (answer) => answer);
  }

  /**
   * The same with an answer that is known to make sense: an endpoint whose answer does not parse has failed, and the next
   * one is asked.
   * @param parse throws PonosError CHAIN_RPC for what makes no sense
   * @throws PonosError as `request`
   */
  ask<T>(
    method: string,
    params: readonly unknown[],
    delivery: Delivery,
    parse: (answer: unknown) => T,
  ): Promise<T> {
    return this.#pool.ask({ method, params, delivery, parse });
  }

  /** Ends all connections; what is under way rejects with ABORTED. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}

function isAt({ blockHash, blockNumber: number }: ChainLog, place: LogPlace): boolean {
  if ('blockHash' in place) return blockHash === place.blockHash;
  return number >= place.fromBlock && number <= place.toBlock;
}

/** A client for one chain. Nothing is sent before `start` or the first request. */
export function createChainClient(options: ChainClientOptions): ChainClient {
  return new ChainClient(options);
}
