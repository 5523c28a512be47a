/** One JSON-RPC URL of a chain: its connections, and the proof that it serves the chain. */
import { setMaxListeners } from 'node:events';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { ChainId } from '../base/brands.js';
import { abortError, type Clock, untilAborted } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { quantity } from './block.js';
import { RequestWindow } from './endpoint-window.js';
import { type Delivery, JsonRpc } from './json-rpc.js';

/** Connections to one endpoint; more requests than that wait for a free one. */
const MAX_CONNECTIONS = 16;
/** A proof of the chain id is good for this long: behind one URL may be many servers. */
const PROOF_MS = 60_000;

export interface EndpointOptions {
  readonly url: string;
  readonly chainId: ChainId;
  readonly chainName: string;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
}

export class Endpoint {
  /** Safe to print, unlike the rest of the URL: tokens sit in the userinfo, the path or the query. */
  readonly host: string;
  /** Chain and host, for messages. */
  readonly where: string;
  readonly #chainId: ChainId;
  readonly #clock: Clock;
  readonly #agent: HttpAgent;
  readonly #rpc: JsonRpc;
  readonly #window = new RequestWindow(MAX_CONNECTIONS);
  readonly #closing = new AbortController();
  readonly #inFlight = new Set<Promise<unknown>>();
  /** When the chain id was last found right; undefined while it is in doubt. */
  #provenAtMs: number | undefined;
  #proving: Promise<void> | undefined;

  /** @throws PonosError VALUE_INVALID for what is not an http(s) URL */
  constructor(options: EndpointOptions) {
    const url = parseUrl(options.url);
    this.#chainId = options.chainId;
    this.#clock = options.clock;
    this.host = url.host;
    this.where = `the JSON-RPC endpoint ${url.host} of chain ${options.chainName} (${options.chainId})`;
    // Every request in flight listens to it; Node would call ten of them a leak.
    setMaxListeners(0, this.#closing.signal);
    const agentOptions = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
    this.#agent = url.protocol === 'https:' ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
    this.#rpc = new JsonRpc({
      url,
      where: this.where,
      agent: this.#agent,
      window: this.#window,
      timeoutMs: options.requestTimeoutMs,
      onConnectionLost: () => this.doubt(),
      signal: this.#closing.signal,
    });
  }

  /** Asks for the chain id. @throws PonosError CHAIN_MISMATCH when it is another, and those of `request` */
  proveChain(): Promise<void> {
    this.#proving ??= this.#prove().finally(() => {
      this.#proving = undefined;
    });
    return this.#proving;
  }

  /**
   * The `result` of a JSON-RPC call, of an endpoint that has proven its chain id: before the first request, before one
   * that comes while it is in doubt, and beside one that comes a minute after the last proof.
   * @param signal gives it up
   * @throws PonosError CHAIN_UNREACHABLE, CHAIN_RATE_LIMITED, CHAIN_MISMATCH, CHAIN_RPC, CHAIN_NO_HISTORY,
   *   CONTRACT_REVERTED, TRANSACTION_REJECTED, FUNDS_INSUFFICIENT, or ABORTED, also after `close`
   */
  async request(
    method: string,
    params: readonly unknown[],
    delivery: Delivery,
    signal?: AbortSignal,
  ): Promise<unknown> {
    if (this.#provenAtMs === undefined) await untilAborted(this.proveChain(), signal);
    const ageMs = this.#clock.monotonicMs() - (this.#provenAtMs ?? 0);
    const [answer] = await Promise.all([
      this.#send(method, params, delivery, signal),
      ageMs < PROOF_MS ? undefined : untilAborted(this.proveChain(), signal),
    ]);
    // Meanwhile a connection was lost, and somebody else may have given the answer.
    if (this.#provenAtMs === undefined) await untilAborted(this.proveChain(), signal);
    return answer;
  }

  /** The next request proves the chain id first. */
  doubt(): void {
    this.#provenAtMs = undefined;
  }

  /** Fewer requests at once from now on; those that wait for their turn fail with `error`. */
  narrow(error: unknown): void {
    this.#window.narrow(error);
  }

  /** Ends connections and waits for the requests that were cut off. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#inFlight);
    this.#agent.destroy();
  }

  async #prove(): Promise<void> {
    const found = quantity(await this.#send('eth_chainId', [], 'single'));
    if (found !== BigInt(this.#chainId)) {
      this.doubt();
      throw new PonosError('CHAIN_MISMATCH', {
        message: `${this.where} serves another chain`,
        facts: { expected: this.#chainId, found },
        advice: 'Correct rpcUrl or chainId in the configuration.',
      });
    }
    this.#provenAtMs = this.#clock.monotonicMs();
  }

  async #send(
    method: string,
    params: readonly unknown[],
    delivery: Delivery,
    signal?: AbortSignal,
  ): Promise<unknown> {
    if (this.#closing.signal.aborted) throw abortError();
    const answer = this.#rpc.send(method, params, delivery, signal);
    this.#inFlight.add(answer);
    try {
      return await answer;
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
