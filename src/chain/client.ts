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
/** The same for one that is behind the others: it takes longer to catch up than to come back. */
const LAG_SUSPENSION_MS = 5 * 60_000;
/** A head this old is compared with those of the other endpoints. */
const STANDSTILL_MS = 15_000;
/** Blocks by which honest endpoints differ for a moment. */
const TOLERATED_LAG_BLOCKS = 2;

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
  /** The highest head, and when it was first seen. */
  #highest: { readonly number: number; readonly seenAtMs: number } | undefined;
  #comparing: Promise<void> | undefined;

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

  /** The newest block of the endpoint that answers; of several, of one that keeps up with the others. */
  async head(): Promise<Block> {
    const head = await this.#ask('eth_getBlockByNumber', ['latest', false], 'single', parseBlock);
    if (this.#sources.length > 1) this.#watchHead(head);
    return head;
  }

  /** A block of the canonical chain by number, or any block by hash; undefined if the endpoint knows none. */
  async block(numberOrHash: BlockNumber | Hash32): Promise<Block | undefined> {
    const parse = (answer: unknown) => (answer === null ? undefined : parseBlock(answer));
    return typeof numberOrHash === 'number'
      ? this.#ask('eth_getBlockByNumber', [toQuantity(numberOrHash), false], 'batched', parse)
      : this.#ask('eth_getBlockByHash', [numberOrHash, false], 'batched', parse);
  }

  /** In the order of the chain. @throws PonosError CHAIN_RPC also for a range the endpoint finds too large */
  async logs(filter: LogFilter, place: LogPlace): Promise<ChainLog[]> {
    const where =
      'blockHash' in place
        ? { blockHash: place.blockHash }
        : { fromBlock: toQuantity(place.fromBlock), toBlock: toQuantity(place.toBlock) };
    const query = { address: filter.addresses, topics: filter.topics, ...where };
    return this.#ask('eth_getLogs', [query], 'single', parseLogs);
  }

  /**
   * What a read-only call returns. Answers at a numbered block are kept; equal calls share one request.
   * @throws PonosError CONTRACT_REVERTED, CHAIN_RPC (also for a block the endpoint does not have yet), …
   */
  call({ to, data, at }: CallRequest): Promise<Uint8Array> {
    const hex = toHex(data);
    const tag = at === 'latest' ? at : toQuantity(at);
    const load = () => this.#ask('eth_call', [{ to, data: hex }, tag], 'batched', parseData);
    return at === 'latest' ? load() : this.#calls.get(at, `${to}:${hex}`, load);
  }

  /** Forgets what calls returned at this block or later; for reorgs. */
  forgetFrom(block: BlockNumber): void {
    this.#calls.forgetFrom(block);
  }

  /** The code at an address; empty if there is no contract. */
  async code(address: Address, at: BlockTag): Promise<Uint8Array> {
    const tag = at === 'latest' ? at : toQuantity(at);
    return this.#ask('eth_getCode', [address, tag], 'batched', parseData);
  }

  /**
   * Any JSON-RPC method. Endpoints are tried in order until one answers; a revert or a rejected
   * transaction is an answer.
   * @throws PonosError as `Endpoint.request`; of several failed endpoints, the first one's error
   */
  request(method: string, params: readonly unknown[], delivery: Delivery = 'single'): Promise<unknown> {
    return this.#ask(method, params, delivery, (answer) => answer);
  }

  /** An answer that does not parse is one of an endpoint that fails. */
  async #ask<T>(
    method: string,
    params: readonly unknown[],
    delivery: Delivery,
    parse: (answer: unknown) => T,
  ): Promise<T> {
    let firstError: unknown;
    for (const source of this.#inOrder()) {
      try {
        return parse(await source.endpoint.request(method, params, delivery));
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
    await this.#comparing;
  }

  /** A head that stands still, or is below one seen before, may be that of an endpoint that lags. */
  #watchHead(head: Block): void {
    const nowMs = this.#clock.nowMs();
    const highest = this.#highest;
    if (highest === undefined || head.number > highest.number) {
      this.#highest = { number: head.number, seenAtMs: nowMs };
      return;
    }
    const isBehind = head.number < highest.number - TOLERATED_LAG_BLOCKS;
    if (!isBehind && nowMs - highest.seenAtMs < STANDSTILL_MS) return;
    this.#comparing ??= this.#compareHeads().finally(() => {
      this.#comparing = undefined;
    });
  }

  /** Leaves endpoints that are behind for last. Never rejects: who does not answer is not compared. */
  async #compareHeads(): Promise<void> {
    const answers = await Promise.allSettled(
      this.#sources.map(async (source) => {
        const answer = await source.endpoint.request('eth_getBlockByNumber', ['latest', false], 'single');
        return { source, number: parseBlock(answer).number };
      }),
    );
    const heads = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    if (heads.length === 0) return;
    const newest = Math.max(...heads.map(({ number }) => number));
    const nowMs = this.#clock.nowMs();
    this.#highest = { number: newest, seenAtMs: nowMs };
    for (const { source, number } of heads) {
      if (number >= newest - TOLERATED_LAG_BLOCKS) continue;
      source.suspendedUntilMs = nowMs + LAG_SUSPENSION_MS;
      this.#logger.warn('an endpoint is behind the others and is asked last for a while', {
        endpoint: source.endpoint.where,
        head: number,
        newest,
      });
    }
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
    source.suspendedUntilMs = Math.max(source.suspendedUntilMs, nowMs + SUSPENSION_MS);
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
