/** JSON-RPC 2.0 over HTTP to one URL: requests are numbered, batched, matched with their answers, and given up. */
import type { Agent } from 'node:http';
import { abortError } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import { type HttpAnswer, httpExchange } from '../base/http-exchange.js';
import type { RequestWindow } from './endpoint-window.js';
import { type RpcErrorObject, rateLimited, rpcError } from './rpc-error.js';

/** Far above any honest answer; a node that sends more is cut off before it fills the memory. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Requests in one batch: below the limits of public endpoints, above what a latency costs. */
const BATCH_SIZE = 20;

/** How a request travels: `batched` with others of the same tick, or `single` for the least delay. */
export type Delivery = 'batched' | 'single';

export interface JsonRpcOptions {
  readonly url: URL;
  /** Chain and host, for messages; nothing else of the URL, which may hold a token. */
  readonly where: string;
  readonly agent: Agent;
  /** How many HTTP requests may be under way. */
  readonly window: RequestWindow;
  readonly timeoutMs: number;
  /** Told when a connection is gone and the request goes on over another one. */
  readonly onConnectionLost: () => void;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
  /** Undefined: nobody can give it up. */
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Unchecked<T> = { readonly [Name in keyof T]?: unknown };

type RpcAnswer = { readonly id?: unknown } & (
  | { readonly result: unknown }
  | { readonly error: Unchecked<RpcErrorObject> }
);

export class JsonRpc {
  readonly #options: JsonRpcOptions;
  #nextId = 1;
  #batch: Call[] = [];

  constructor(options: JsonRpcOptions) {
    this.#options = options;
  }

  /**
   * The `result` of a request.
   * @param signal gives the request up; its connection is closed when nobody waits for the others of its batch
   * @throws PonosError CHAIN_UNREACHABLE on a failed connection, a timeout or 5xx; CHAIN_RATE_LIMITED; CHAIN_RPC on
   *   nonsense; what `rpcError` makes of an error; ABORTED
   */
  send(
    method: string,
    params: readonly unknown[],
    delivery: Delivery,
    signal?: AbortSignal,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call: Call = { id: this.#nextId++, method, params, signal, resolve, reject };
      if (delivery === 'single') void this.#exchange([call]);
      else this.#enqueue(call);
    });
  }

  #enqueue(call: Call): void {
    this.#batch.push(call);
    if (this.#batch.length === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const calls = this.#batch;
    this.#batch = [];
    for (let at = 0; at < calls.length; at += BATCH_SIZE)
      void this.#exchange(calls.slice(at, at + BATCH_SIZE));
  }

  /** Settles every call; never rejects. */
  async #exchange(calls: readonly Call[]): Promise<void> {
    const given = giveUpTogether(calls, this.#options.signal);
    try {
      const answer = await this.#options.window.run(() => this.#post(calls, given.signal), given.signal);
      this.#settle(calls, answer);
    } catch (error) {
      for (const { reject } of calls) reject(error);
    } finally {
      given.release();
    }
  }

  async #post(calls: readonly Call[], signal: AbortSignal): Promise<HttpAnswer> {
    const { url, agent, timeoutMs, onConnectionLost, where } = this.#options;
    const requests = calls.map(({ id, method, params }) => ({ jsonrpc: '2.0', id, method, params }));
    const body = JSON.stringify(requests.length === 1 ? requests[0] : requests);
    try {
      return await httpExchange({
        url,
        agent,
        body,
        timeoutMs,
        signal,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        onConnectionLost,
      });
    } catch (cause) {
      if (signal.aborted) throw abortError(signal);
      throw unreachable(where, cause);
    }
  }

  #settle(calls: readonly Call[], { status, retryAfter, body }: HttpAnswer): void {
    const { where } = this.#options;
    if (status === 429) throw rateLimited(where, { retryAfter, answer: `HTTP status ${status}` });
    if (status >= 500) throw unreachable(where, new Error(`HTTP status ${status}`));
    const parsed = parseJson(body);
    const answers: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
    if (!answers.every(isRpcAnswer)) {
      throw new PonosError('CHAIN_RPC', {
        message: `${where} answered with what is not JSON-RPC`,
        facts: {
          // A gateway's word for an answer that it does not pass on.
          ...(status === 413 && { reason: 'range-too-large' }),
          httpStatus: status,
          answer: body.toString('utf8', 0, 120),
        },
        advice: 'Check that rpcUrl is the address of a JSON-RPC endpoint and that its access key is valid.',
      });
    }
    // A request on its own has one answer; a batch that is refused as a whole has one error, without an id.
    const [first] = answers;
    const shared =
      answers.length === 1 && (calls.length === 1 || (first && 'error' in first)) ? first : undefined;
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    for (const call of calls) this.#settleOne(call, shared ?? byId.get(call.id), retryAfter);
  }

  #settleOne({ method, resolve, reject }: Call, answer: RpcAnswer | undefined, retryAfter?: string): void {
    const { where } = this.#options;
    if (answer === undefined) {
      reject(
        new PonosError('CHAIN_RPC', { message: `${where} left a request unanswered`, facts: { method } }),
      );
    } else if ('error' in answer) reject(rpcError(method, where, errorObject(answer.error), retryAfter));
    else resolve(answer.result);
  }
}

/** A signal that aborts with `all`, or when each call has been given up; those reject as soon as they are. */
function giveUpTogether(calls: readonly Call[], all: AbortSignal) {
  const nobodyWaits = new AbortController();
  const stops: (() => void)[] = [];
  let waiting = calls.length;
  for (const { signal, reject } of calls) {
    if (signal === undefined) continue;
    const onAbort = () => {
      reject(abortError(signal));
      waiting -= 1;
      if (waiting === 0) nobodyWaits.abort();
    };
    if (signal.aborted) onAbort();
    else {
      signal.addEventListener('abort', onAbort, { once: true });
      stops.push(() => signal.removeEventListener('abort', onAbort));
    }
  }
  const onAll = () => nobodyWaits.abort();
  if (all.aborted) onAll();
  all.addEventListener('abort', onAll, { once: true });
  stops.push(() => all.removeEventListener('abort', onAll));
  return {
    signal: nobodyWaits.signal,
    release: () => {
      for (const stop of stops) stop();
    },
  };
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
    return undefined; // what is no JSON is no JSON-RPC either
  }
}

/** Its parts are read, matched and printed as what they should be, whatever the endpoint has put there. */
function errorObject({ code, message, data }: Unchecked<RpcErrorObject>): RpcErrorObject {
  return {
    code: typeof code === 'number' ? code : 0,
    ...(typeof message === 'string' && { message }),
    data,
  };
}

function isRpcAnswer(value: unknown): value is RpcAnswer {
  if (typeof value !== 'object' || value === null) return false;
  if ('error' in value) {
    const { error } = value;
    return typeof error === 'object' && error !== null && 'code' in error;
  }
  return 'result' in value;
}
