/** One JSON document there, one back: HTTP POST with a deadline and a limit on the answer's size. */
import type { Agent, IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export interface HttpPostOptions {
  readonly url: URL;
  /** Keep-alive agent of the URL's protocol; it bounds the number of connections. */
  readonly agent: Agent;
  readonly body: string;
  /** From the moment a connection is free for the request to the answer's last byte. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  readonly signal: AbortSignal;
}

/** @throws Error of the connection, on timeout, on a too large answer, or the signal's abort */
export function httpPost(options: HttpPostOptions): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const send = options.url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(options.url, {
      method: 'POST',
      agent: options.agent,
      signal: options.signal,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(options.body),
      },
    });
    let timer: NodeJS.Timeout | undefined;
    request.once('socket', () => {
      timer = setTimeout(
        () => request.destroy(new Error(`no answer within ${options.timeoutMs} ms`)),
        options.timeoutMs,
      );
    });
    request.once('close', () => clearTimeout(timer));
    request.once('error', reject);
    request.once('response', (response) => {
      readBody(response, options.maxAnswerBytes).then(
        (body) => resolve({ status: response.statusCode ?? 0, body }),
        (error: Error) => {
          request.destroy();
          reject(error);
        },
      );
    });
    request.end(options.body);
  });
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
