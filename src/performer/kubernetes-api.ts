/** The API server of a cluster: one request and its answer, or a stream that lasts. */
import { type IncomingMessage, request as requestByHttp } from 'node:http';
import { type RequestOptions, request as requestByHttps } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { abortError, abortWith } from '../base/clock.js';
import { kubernetesSilent } from './kubernetes-errors.js';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** From the root of the server. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

export interface ApiAnswer {
  /** Of HTTP, whatever it says. */
  readonly status: number;
  /** The JSON; the text, of an answer that is none. */
  readonly body: unknown;
}

export interface ApiStream {
  /** Bytes, as they come. It throws when the connection breaks. */
  readonly chunks: AsyncIterable<Buffer>;
}

export interface KubernetesApi {
  /** For messages. */
  readonly server: string;
  /** @throws PonosError KUBERNETES_UNAVAILABLE when nothing answers in time, ABORTED */
  call(request: ApiRequest, signal?: AbortSignal): Promise<ApiAnswer>;
  /**
   * A GET whose answer does not end by itself. An answer that is no success comes as by `call`.
   * @throws PonosError KUBERNETES_UNAVAILABLE when nothing answers in time, ABORTED
   */
  stream(request: Omit<ApiRequest, 'method' | 'body'>, signal: AbortSignal): Promise<ApiAnswer | ApiStream>;
}

/** An answer larger than this is not what was asked for. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** @param timeoutMs how long an answer may take, or, of a stream, its beginning */
export function createKubernetesApi(access: KubeConfig, timeoutMs: number): KubernetesApi {
  const server = access.getCurrentCluster()?.server.replace(/\/+$/, '') ?? '';

  async function send(
    { method, path, query, body }: ApiRequest,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const url = new URL(`${server}${path}`);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const options: RequestOptions = { method, headers: { Accept: 'application/json' }, signal };
    // Certificates and tokens that are renewed are read anew each time.
    await access.applyToHTTPSOptions(options);
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      ...options.headers,
      ...(bytes && { 'Content-Type': 'application/json', 'Content-Length': bytes.length }),
    };
    return new Promise((resolve, reject) => {
      const request = url.protocol === 'http:' ? requestByHttp : requestByHttps;
      request(url, { ...options, headers }, resolve)
        .on('error', reject)
        .end(bytes);
    });
  }

  return {
    server,
    async call(request, signal) {
      const until = new AbortController();
      const timer = setTimeout(() => until.abort(tooLate(timeoutMs)), timeoutMs);
      const unlink = signal && abortWith(until, signal);
      try {
        return await answerOf(await send(request, until.signal));
      } catch (error) {
        if (signal?.aborted) throw abortError(signal);
        throw kubernetesSilent(server, error);
      } finally {
        clearTimeout(timer);
        unlink?.();
      }
    },
    async stream(request, signal) {
      const end = new AbortController();
      const timer = setTimeout(() => end.abort(tooLate(timeoutMs)), timeoutMs);
      const unlink = abortWith(end, signal);
      try {
        const response = await send({ method: 'GET', ...request }, end.signal);
        response.once('close', unlink);
        if (response.statusCode !== 200) return await answerOf(response);
        return { chunks: response };
      } catch (error) {
        unlink();
        if (signal.aborted) throw abortError(signal);
        throw kubernetesSilent(server, error);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

const tooLate = (timeoutMs: number) => new Error(`no answer in ${timeoutMs} ms`);

async function answerOf(response: IncomingMessage): Promise<ApiAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer has no end');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  return { status: response.statusCode ?? 0, body: parsed(text) };
}

/** A proxy before the server, or a path it does not know, is answered in plain text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}
