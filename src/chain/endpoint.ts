/** One JSON-RPC URL of a chain: its connections, the proof that it serves the chain, its recent failures. */
import { setMaxListeners } from 'node:events';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { ChainId } from '../base/brands.js';
import { abortError } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import { quantity } from './block.js';
import { JsonRpc } from './json-rpc.js';

/** Connections to one endpoint; more requests than that wait for a free one. */
const MAX_CONNECTIONS = 16;
/** Requests in one batch: below the limits of public endpoints, above what a latency costs. */
const BATCH_SIZE = 20;

export interface EndpointOptions {
  readonly url: string;
  readonly chainId: ChainId;
  readonly chainName: string;
  readonly requestTimeoutMs: number;
}

/** How a request travels: `batched` with others of the same tick, or `single` for the least delay. */
export type Delivery = 'batched' | 'single';

export class Endpoint {
  /** Chain and host; safe to print, since tokens sit in the userinfo, the path or the query. */
  readonly where: string;
  readonly #chainId: ChainId;
  readonly #agent: HttpAgent;
  readonly #single: JsonRpc;
  readonly #batching: JsonRpc;
  readonly #closing = new AbortController();
  readonly #inFlight = new Set<Promise<unknown>>();
  #checked: Promise<void> | undefined;

  /** @throws PonosError VALUE_INVALID for what is not an http(s) URL */
  constructor(options: EndpointOptions) {
    const url = parseUrl(options.url);
    this.#chainId = options.chainId;
    this.where = `the JSON-RPC endpoint ${url.host} of chain ${options.chainName} (${options.chainId})`;
    // Every request in flight listens to it; Node would call ten of them a leak.
    setMaxListeners(0, this.#closing.signal);
    const agentOptions = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
    this.#agent = url.protocol === 'https:' ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
    const common = {
      url,
      chainId: options.chainId,
      where: this.where,
      agent: this.#agent,
      timeoutMs: options.requestTimeoutMs,
      signal: this.#closing.signal,
    };
    this.#single = new JsonRpc({ ...common, batchSize: 1 });
    this.#batching = new JsonRpc({ ...common, batchSize: BATCH_SIZE });
  }

  /** @throws PonosError CHAIN_MISMATCH when the endpoint serves another chain, and those of `request` */
  ensureChain(): Promise<void> {
    this.#checked ??= this.#checkChain().catch((error) => {
      this.#checked = undefined;
      throw error;
    });
    return this.#checked;
  }

  /**
   * The `result` of a JSON-RPC call. The chain id is checked before the first one.
   * @throws PonosError CHAIN_UNREACHABLE, CHAIN_MISMATCH, CHAIN_RPC, CHAIN_NO_HISTORY, CONTRACT_REVERTED,
   *   TRANSACTION_REJECTED, FUNDS_INSUFFICIENT, or ABORTED after `close`
   */
  async request(method: string, params: readonly unknown[], delivery: Delivery): Promise<unknown> {
    await this.ensureChain();
    return this.#send(method, params, delivery);
  }

  /** Ends connections and waits for the requests that were cut off. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#inFlight);
    this.#single.destroy();
    this.#batching.destroy();
    this.#agent.destroy();
  }

  async #checkChain(): Promise<void> {
    const found = quantity(await this.#send('eth_chainId', [], 'single'));
    if (found !== BigInt(this.#chainId)) {
      throw new PonosError('CHAIN_MISMATCH', {
        message: `${this.where} serves another chain`,
        facts: { expected: this.#chainId, found },
        advice: 'Correct rpcUrl or chainId in the configuration.',
      });
    }
  }

  async #send(method: string, params: readonly unknown[], delivery: Delivery): Promise<unknown> {
    if (this.#closing.signal.aborted) throw abortError();
    const rpc = delivery === 'single' ? this.#single : this.#batching;
    const answer = rpc.send(method, [...params]);
    this.#inFlight.add(answer);
    try {
      return await answer;
    } catch (error) {
      if (this.#closing.signal.aborted) throw abortError();
      if (isPonosError(error)) throw error;
      throw new PonosError('CHAIN_RPC', {
        message: `${this.where} left a request unanswered`,
        facts: { method },
      });
    } finally {
      this.#inFlight.delete(answer);
    }
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    // The text itself may hold a token, so it is not repeated.
    throw new PonosError('VALUE_INVALID', { message: 'an rpcUrl must begin with http:// or https://' });
  }
  return url;
}
