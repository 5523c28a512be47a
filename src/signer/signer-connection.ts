/** HTTP to a remote signer: kept connections, TLS with a client certificate, a deadline for each request. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { connectionFailure, isHangUp, type SignerPlace, timeoutFailure } from './signer-failure.js';
import type { TlsMaterial, TlsTexts } from './tls-material.js';

export interface SignerConnectionOptions {
  readonly url: URL;
  readonly place: SignerPlace;
  readonly tls: TlsMaterial;
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
  async exchange(request: SignerRequest): Promise<SignerAnswer> {
    const { place, tls, timeoutMs } = this.#options;
    const texts = await tls.current();
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const sent = this.#send(request, texts, deadline);
      try {
        return await sent.answer;
      } catch (error) {
        if (deadline.aborted) throw timeoutFailure(timeoutMs, place);
        // The server had closed an idle connection; such a failure takes it away, so that this ends with a fresh one.
        if (!sent.wasStale(error)) throw connectionFailure(error, place);
      }
    }
  }

  /** Ends all connections. */
  close(): void {
    this.#agent.destroy();
  }

  #send({ method, path, body }: SignerRequest, texts: TlsTexts, signal: AbortSignal) {
    const { url } = this.#options;
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const text = body === undefined ? '' : JSON.stringify(body);
    const target = new URL(url);
    target.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
    // Agents keep connections apart by their certificates: renewed ones make connections of their own.
    const request = send(target, {
      ...texts,
      method,
      agent: this.#agent,
      signal,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
    });
    let isAnswered = false;
    const answer = new Promise<SignerAnswer>((resolve, reject) => {
      request.once('error', reject);
      request.once('response', (response) => {
        isAnswered = true;
        readAnswer(response).then(resolve, reject);
      });
    });
    request.end(text);
    const wasStale = (error: unknown) => request.reusedSocket && !isAnswered && isHangUp(error);
    return { answer, wasStale };
  }
}

async function readAnswer(response: IncomingMessage): Promise<SignerAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') };
}
