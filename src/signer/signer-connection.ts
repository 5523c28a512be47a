/** HTTP to a remote signer: kept connections, TLS with a client certificate, a deadline for each request. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { httpExchange } from '../base/http-exchange.js';
import type { RenewedTls } from './renewed-tls.js';
import { connectionFailure, type SignerPlace, timeoutFailure } from './signer-failure.js';

export interface SignerConnectionOptions {
  readonly url: URL;
  readonly place: SignerPlace;
  readonly tls: RenewedTls;
  /** From the request to the last byte of its answer. */
  readonly timeoutMs: number;
}

export interface SignerRequest {
  readonly method: 'GET' | 'POST';
  /** Below the URL's own path. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

export interface SignerAnswer {
  readonly status: number;
  readonly body: string;
}

const MAX_CONNECTIONS = 32;
/** Idle connections end sooner than servers and firewalls usually cut them. */
const IDLE_MS = 4_000;
/** Lists of keys are the largest answers: some thousand of them. */
const MAX_ANSWER_BYTES = 1_048_576;

export class SignerConnection {
  readonly place: SignerPlace;
  readonly #options: SignerConnectionOptions;
  readonly #agent: HttpAgent;

  constructor(options: SignerConnectionOptions) {
    this.#options = options;
    this.place = options.place;
    const Agent = options.url.protocol === 'https:' ? HttpsAgent : HttpAgent;
    this.#agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: IDLE_MS });
  }

  /** @throws PonosError SIGNER_UNAVAILABLE, SIGNER_UNTRUSTED */
  async exchange({ method, path, body }: SignerRequest): Promise<SignerAnswer> {
    const { place, tls, timeoutMs } = this.#options;
    const url = new URL(this.#options.url);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await httpExchange({
        method,
        url,
        agent: this.#agent,
        tls: await tls.current(),
        body: body === undefined ? '' : JSON.stringify(body),
        maxAnswerBytes: MAX_ANSWER_BYTES,
        signal: deadline,
      });
      return { status: answer.status, body: answer.body.toString('utf8') };
    } catch (error) {
      if (deadline.aborted) throw timeoutFailure(timeoutMs, place);
      throw connectionFailure(error, place);
    }
  }

  /** Ends all connections. */
  close(): void {
    this.#agent.destroy();
  }
}
