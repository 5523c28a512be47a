/** One request there, one answer back over HTTP: kept connections, a deadline, a limit on the answer's size. */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tlsFailureOf } from './tls-failure.js';
import type { TlsMaterial } from './tls-material.js';

export interface HttpAnswer {
  readonly status: number;
  /** The header as it is: seconds, or a date. */
  readonly retryAfter: string | undefined;
  readonly body: Buffer;
}

export interface HttpExchange {
  /** Default: POST. */
  readonly method?: 'GET' | 'POST';
  readonly url: URL;
  /** Keep-alive agent of the URL's protocol; it bounds the number of connections. */
  readonly agent: Agent;
  /** Of https: agents keep connections apart by it, so that renewed certificates make connections of their own. */
  readonly tls?: TlsMaterial;
  /** JSON. */
  readonly body: string;
  /** From the moment a connection is free for the request to the answer's last byte. */
  readonly timeoutMs?: number;
  readonly maxAnswerBytes: number;
  /** Told when a connection that had been used before turns out to be gone, before another one is used. */
  readonly onConnectionLost?: () => void;
  readonly signal: AbortSignal;
}

/** @throws Error of the connection, on timeout, on a too large answer, or the signal's abort */
export async function httpExchange(options: HttpExchange): Promise<HttpAnswer> {
  // Servers close idle connections while the next request is already on its way. Each failure takes one idle
  // connection away, so this ends with a fresh one.
  for (;;) {
    const attempt = new Attempt(options);
    try {
      return await attempt.answer;
    } catch (error) {
      if (options.signal.aborted || !attempt.wasStale(error)) throw error;
      options.onConnectionLost?.();
    }
  }
}

class Attempt {
  readonly answer: Promise<HttpAnswer>;
  readonly #request: ClientRequest;
  #answered = false;

  constructor(options: HttpExchange) {
    const send = options.url.protocol === 'https:' ? httpsRequest : httpRequest;
    const { cert, key, ca } = options.tls ?? {};
    const request = send(options.url, {
      cert,
      key,
      ca,
      method: options.method ?? 'POST',
      agent: options.agent,
      signal: options.signal,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(options.body),
      },
    });
    this.#request = request;
    this.answer = this.#converse(options);
    request.end(options.body);
  }

  /** Whether a connection that had been used before was closed before a byte of the answer. */
  wasStale(error: unknown): boolean {
    return this.#request.reusedSocket && !this.#answered && tlsFailureOf(error) === 'hang-up';
  }

  #converse({ timeoutMs, maxAnswerBytes }: HttpExchange): Promise<HttpAnswer> {
    const request = this.#request;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      request.once('socket', () => {
        if (timeoutMs === undefined) return;
        timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      });
      request.once('close', () => clearTimeout(timer));
      request.once('error', reject);
      request.once('response', (response) => {
        this.#answered = true;
        readBody(response, maxAnswerBytes).then(
          (body) =>
            resolve({
              status: response.statusCode ?? 0,
              retryAfter: response.headers['retry-after'],
              body,
            }),
          (error: Error) => {
            request.destroy();
            reject(error);
          },
        );
      });
    });
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
