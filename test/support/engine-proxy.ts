/** A way to a Docker engine that can be cut, and on which requests are refused, or lost, as a test says. */
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import path from 'node:path';
import { temporaryFolder } from './temporary-folder.js';

/**
 * What becomes of a request. A number: it is answered with that status, and the engine does not hear of it. A promise:
 * whoever asks gets no answer, and the engine gets the request when the promise resolves.
 */
export type Verdict = 'pass' | number | Promise<void>;

export interface EngineProxy {
  /** The path of its socket. */
  readonly path: string;
  /** @param judge asked about each request from now on: `DELETE`, `/containers/1f…` */
  judge(judge: (method: string, url: string) => Verdict): void;
  /** Cuts all connections. Whoever comes back waits until the returned function is called. */
  sever(): () => void;
  close(): Promise<void>;
}

export async function startEngineProxy(socketPath: string): Promise<EngineProxy> {
  const folder = await temporaryFolder();
  const connections = new Set<net.Socket>();
  let mended: Promise<void> = Promise.resolve();
  let judge: (method: string, url: string) => Verdict = () => 'pass';

  const server = http.createServer(async (request, response) => {
    await mended;
    const verdict = judge(request.method ?? '', request.url ?? '');
    if (typeof verdict === 'number') {
      response.writeHead(verdict, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ message: 'refused by a test' }));
    } else if (verdict === 'pass') pass(request, response);
    else {
      const body = await bodyOf(request);
      request.socket.destroy();
      await verdict;
      forward(request).end(body);
    }
  });
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });

  function forward({ method, url, headers }: http.IncomingMessage): http.ClientRequest {
    const options = { socketPath, method, path: url, headers };
    return http.request({ ...options, agent: false }).on('error', () => undefined);
  }

  function pass(request: http.IncomingMessage, response: http.ServerResponse): void {
    const outside = forward(request);
    outside.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      response.flushHeaders();
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    outside.on('error', () => response.destroy());
    response.on('close', () => outside.destroy());
    request.pipe(outside);
  }

  function sever(): void {
    for (const socket of [...connections]) socket.destroy();
  }

  const where = path.join(folder.path, 'd.sock');
  server.listen(where);
  await once(server, 'listening');
  return {
    path: where,
    judge(next) {
      judge = next;
    },
    sever() {
      let mend: () => void = () => undefined;
      mended = new Promise((resolve) => {
        mend = resolve;
      });
      sever();
      return mend;
    },
    async close() {
      server.close();
      sever();
      await folder.remove();
    },
  };
}

async function bodyOf(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
