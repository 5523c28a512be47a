/** JSON-RPC over HTTP to one URL: ethers frames, numbers and batches the requests, the transport is ours. */
import type { Agent } from 'node:http';
import { JsonRpcApiProvider, type JsonRpcError, type JsonRpcPayload, type JsonRpcResult } from 'ethers';
import type { ChainId } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import { httpPost } from './http-post.js';
import { rpcError } from './rpc-error.js';

/** Far above any honest answer; a node that sends more is cut off before it fills the memory. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface JsonRpcOptions {
  readonly url: URL;
  readonly chainId: ChainId;
  /** Chain and host, for messages; nothing else of the URL, which may hold a token. */
  readonly where: string;
  readonly agent: Agent;
  readonly timeoutMs: number;
  /** Requests of one tick that travel together; 1 sends each on its own. */
  readonly batchSize: number;
  readonly signal: AbortSignal;
}

/** `send(method, params)` rejects with PonosErrors only, but for what `asPonosError` of the endpoint wraps. */
export class JsonRpc extends JsonRpcApiProvider {
  readonly #options: JsonRpcOptions;

  constructor(options: JsonRpcOptions) {
    super(Number(options.chainId), {
      staticNetwork: true,
      batchMaxCount: options.batchSize,
      batchStallTime: 0,
      cacheTimeout: -1,
    });
    this.#options = options;
    this._start();
  }

  /** @throws PonosError CHAIN_UNREACHABLE on a failed connection, a timeout, 429 or 5xx; CHAIN_RPC on nonsense */
  override async _send(
    payload: JsonRpcPayload | JsonRpcPayload[],
  ): Promise<(JsonRpcResult | JsonRpcError)[]> {
    const { url, agent, timeoutMs, signal, where } = this.#options;
    const body = JSON.stringify(payload);
    const answer = await httpPost({
      url,
      agent,
      body,
      timeoutMs,
      signal,
      maxAnswerBytes: MAX_ANSWER_BYTES,
    }).catch((cause: unknown) => {
      throw unreachable(where, cause);
    });
    if (answer.status === 429 || answer.status >= 500) {
      throw unreachable(where, new Error(`HTTP status ${answer.status}`));
    }
    const parsed = parseJson(answer.body);
    const results = Array.isArray(parsed) ? parsed : [parsed];
    if (!results.every(isRpcAnswer)) {
      throw new PonosError('CHAIN_RPC', {
        message: `${where} answered with what is not JSON-RPC`,
        facts: { httpStatus: answer.status, answer: answer.body.toString('utf8', 0, 120) },
        advice: 'Check that rpcUrl is the address of a JSON-RPC endpoint and that its access key is valid.',
      });
    }
    // Some servers answer a batch they refuse with one error object that has no id.
    const [first] = results;
    if (Array.isArray(payload) && results.length === 1 && first !== undefined && 'error' in first) {
      return payload.map(({ id }) => ({ id, error: first.error }));
    }
    return Array.isArray(payload) ? results : results.map((result) => ({ ...result, id: payload.id }));
  }

  override getRpcError(payload: JsonRpcPayload, answer: JsonRpcError): Error {
    return rpcError(payload.method, this.#options.where, answer.error);
  }
}

function unreachable(where: string, cause: unknown): PonosError {
  return new PonosError('CHAIN_UNREACHABLE', {
    message: `${where} does not answer`,
    advice: 'Check that the node runs, that rpcUrl is right and that this machine may reach it.',
    cause: cause instanceof AggregateError ? cause.errors[0] : cause,
  });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function isRpcAnswer(value: unknown): value is JsonRpcResult | JsonRpcError {
  if (typeof value !== 'object' || value === null) return false;
  if ('error' in value) {
    const { error } = value;
    return typeof error === 'object' && error !== null && 'code' in error;
  }
  return 'result' in value;
}
