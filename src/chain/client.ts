/** A chain as the node reads it: blocks, logs and calls, from the first of its endpoints that answers. */
import type { Address, BlockNumber, ChainId, Hash32 } from '../base/brands.js';
import { toHex } from '../base/bytes.js';
import { type Clock, throwIfAborted } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { type Block, type ChainLog, parseBlock, parseData, parseLogs, toQuantity } from './block.js';
import { CallCache } from './call-cache.js';
import { type Delivery, Endpoint } from './endpoint.js';

/** An endpoint that failed is asked last for this long. */
const SUSPENSION_MS = 15_000;

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

interface Source {
  readonly endpoint: Endpoint;
  suspendedUntilMs: number;
}

export class ChainClient {
  readonly chainId: ChainId;
  readonly name: string;
  readonly #sources: readonly Source[];
  readonly #calls = new CallCache();
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(options: ChainClientOptions) {
    this.chainId = options.chainId;
    this.name = options.name;
    this.#clock = options.clock;
    this.#logger = options.logger.child({ chainId: options.chainId });
    this.#sources = options.rpcUrls.map((url) => ({
      endpoint: new Endpoint({
        url,
        chainId: options.chainId,
        chainName: options.name,
        requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
      }),
      suspendedUntilMs: 0,
    }));
    if (this.#sources.length === 0) {
      throw new PonosError('CONFIG_INVALID', { message: `chain ${options.name} has no rpcUrl` });
    }
  }

  /**
   * Asks every endpoint for its chain id. Goes on, with a warning, while one of several answers.
   * @throws PonosError CHAIN_UNREACHABLE when none answers, CHAIN_MISMATCH when any serves another chain
   */
  async start(signal?: AbortSignal): Promise<void> {
    const checks = await Promise.allSettled(this.#sources.map(({ endpoint }) => endpoint.ensureChain()));
    throwIfAborted(signal);
    const errors = checks.flatMap((check) => (check.status === 'rejected' ? [check.reason] : []));
    const mismatch = errors.find((error) => isPonosError(error, 'CHAIN_MISMATCH'));
    if (mismatch !== undefined) throw mismatch;
    if (errors.length === this.#sources.length) throw errors[0];
    for (const error of errors) this.#logger.warn('an endpoint of several is not in service', { error });
  }

  /** The newest block of the endpoint that answers. */
  async head(): Promise<Block> {
    return parseBlock(await this.request('eth_getBlockByNumber', ['latest', false]));
  }

  /** A block of the canonical chain by number, or any block by hash; undefined if the endpoint knows none. */
  async block(numberOrHash: BlockNumber | Hash32): Promise<Block | undefined> {
    const answer =
      typeof numberOrHash === 'number'
        ? await this.request('eth_getBlockByNumber', [toQuantity(numberOrHash), false], 'batched')
        : await this.request('eth_getBlockByHash', [numberOrHash, false], 'batched');
    return answer === null ? undefined : parseBlock(answer);
  }

  /** In the order of the chain. @throws PonosError CHAIN_RPC also for a range the endpoint finds too large */
  async logs(filter: LogFilter, place: LogPlace): Promise<ChainLog[]> {
    const where =
      'blockHash' in place
        ? { blockHash: place.blockHash }
        : { fromBlock: toQuantity(place.fromBlock), toBlock: toQuantity(place.toBlock) };
    const query = { address: filter.addresses, topics: filter.topics, ...where };
    return parseLogs(await this.request('eth_getLogs', [query]));
  }

  /**
   * What a read-only call returns. Answers at a numbered block are kept; equal calls share one request.
   * @throws PonosError CONTRACT_REVERTED, CHAIN_RPC (also for a block the endpoint does not have yet), …
   */
  call({ to, data, at }: CallRequest): Promise<Uint8Array> {
    const hex = toHex(data);
    const load = async () => {
      const tag = at === 'latest' ? at : toQuantity(at);
      return parseData(await this.request('eth_call', [{ to, data: hex }, tag], 'batched'));
    };
    return at === 'latest' ? load() : this.#calls.get(at, `${to}:${hex}`, load);
  }

  /** Forgets what calls returned at this block or later; for reorgs. */
  forgetFrom(block: BlockNumber): void {
    this.#calls.forgetFrom(block);
  }

  /** The code at an address; empty if there is no contract. */
  async code(address: Address, at: BlockTag): Promise<Uint8Array> {
    const tag = at === 'latest' ? at : toQuantity(at);
    return parseData(await this.request('eth_getCode', [address, tag], 'batched'));
  }

  /**
   * Any JSON-RPC method. Endpoints are tried in order until one answers; a revert or a rejected
   * transaction is an answer.
   * @throws PonosError as `Endpoint.request`; of several failed endpoints, the first one's error
   */
  async request(method: string, params: readonly unknown[], delivery: Delivery = 'single'): Promise<unknown> {
    let firstError: unknown;
    for (const source of this.#inOrder()) {
      try {
        const answer = await source.endpoint.request(method, params, delivery);
        source.suspendedUntilMs = 0;
        return answer;
      } catch (error) {
        if (!isEndpointFailure(error)) throw error;
        firstError ??= error;
        this.#suspend(source, error);
      }
    }
    throw firstError;
  }

  /** Ends all connections; what is under way rejects with ABORTED. */
  async close(): Promise<void> {
    await Promise.all(this.#sources.map(({ endpoint }) => endpoint.close()));
  }

  #inOrder(): readonly Source[] {
    const nowMs = this.#clock.nowMs();
    const rested = this.#sources.filter(({ suspendedUntilMs }) => suspendedUntilMs <= nowMs);
    if (rested.length === this.#sources.length) return this.#sources;
    return [...rested, ...this.#sources.filter((source) => !rested.includes(source))];
  }

  #suspend(source: Source, error: unknown): void {
    if (this.#sources.length === 1) return;
    const nowMs = this.#clock.nowMs();
    if (source.suspendedUntilMs <= nowMs) {
      this.#logger.warn('an endpoint failed, the next is asked', { error: explain(error) });
    }
    source.suspendedUntilMs = nowMs + SUSPENSION_MS;
  }
}

/** Whether another endpoint of the chain may do better. */
function isEndpointFailure(error: unknown): boolean {
  return (
    isPonosError(error, 'CHAIN_UNREACHABLE') ||
    isPonosError(error, 'CHAIN_RPC') ||
    isPonosError(error, 'CHAIN_MISMATCH') ||
    isPonosError(error, 'CHAIN_NO_HISTORY')
  );
}

/** A client for one chain. Nothing is sent before `start` or the first request. */
export function createChainClient(options: ChainClientOptions): ChainClient {
  return new ChainClient(options);
}
