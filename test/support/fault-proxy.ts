/** A JSON-RPC endpoint before one or more anvils that goes wrong on command, and counts what it is asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface RpcRequest {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
  /** Which of the chains behind the proxy answers it. */
  readonly upstream: number;
}

export type RpcAnswer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } };

export interface HttpAnswer {
  readonly status: number;
  readonly headers?: HttpHeaders;
  readonly body: string;
}

export type HttpHeaders = Readonly<Record<string, string>>;

/** Takes the place of the whole HTTP answer, also when only one request of a batch meets with it. */
export type BrokenAnswer = { readonly http: HttpAnswer } | { readonly drop: true };

/** What the chain behind the proxy (or the fault that was set before) makes of a request. */
export type Pass = (request: RpcRequest) => Promise<RpcAnswer | BrokenAnswer>;

/** Sees a request on its way: may change it, pass it on or not, and change the answer. */
export type Fault = (request: RpcRequest, pass: Pass) => Promise<RpcAnswer | BrokenAnswer>;

export interface FaultScope {
  /** All methods by default. */
  readonly methods?: readonly string[];
  /** Ends by itself after so many requests; until `end` by default. */
  readonly times?: number;
}

export interface ActiveFault {
  /** Requests that met with it so far. */
  readonly hits: number;
  end(): void;
}

/** `pass` tunnels to the chain, `refuse` answers 503, `silent` swallows what the chain says after the handshake. */
export type WebSocketMode = 'pass' | 'refuse' | 'silent';

export interface FaultProxy {
  readonly url: string;
  /** The same port as a WebSocket; frames travel as they are, so that anvil's own subscriptions are seen. */
  readonly wsUrl: string;
  /** Faults nest: the one that was set last sees a request first. */
  set(fault: Fault, scope?: FaultScope): ActiveFault;
  /** Ends all faults. */
  heal(): void;
  /** For connections from now on, and, but for `refuse`, also those that are open. */
  webSockets: WebSocketMode;
  cutWebSockets(): void;
  readonly openWebSockets: number;
  /** Requests of a method, of all methods without one; those of a batch one by one. */
  requests(method?: string): number;
  /** HTTP exchanges: a batch is one. */
  readonly exchanges: number;
  /** Exchanges that the client gave up before they were answered. */
  readonly abandoned: number;
  /** The most exchanges that were under way at once since `resetCounts`. */
  readonly peakExchanges: number;
  /** HTTP connections that are open now, and how many were ever accepted. */
  readonly connections: { readonly open: number; readonly accepted: number };
  resetCounts(): void;
  /** As a server does whose clients ask for nothing for a while. */
  cutIdleConnections(): void;
  close(): Promise<void>;
}

interface SetFault {
  readonly fault: Fault;
  readonly scope: FaultScope;
  hits: number;
}

/** Listens on a port of the system's choice. `upstreams` are HTTP URLs; the first answers unless a fault says otherwise. */
export async function startFaultProxy(upstreams: readonly string[]): Promise<FaultProxy> {
  const faults: SetFault[] = [];
  const counts = new Map<string, number>();
  const sockets = new Set<Socket>();
  const tunnels = new Set<Duplex>();
  let webSockets: WebSocketMode = 'pass';
  const traffic = { exchanges: 0, abandoned: 0, underWay: 0, peak: 0, accepted: 0 };

  const forward: Pass = async ({ id, method, params, upstream }) => {
    const url = upstreams[upstream];
    if (url === undefined) throw new Error(`there is no upstream ${upstream}`);
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
    });
    return (await response.json()) as RpcAnswer;
  };

  const answer = (request: RpcRequest) => {
    counts.set(request.method, (counts.get(request.method) ?? 0) + 1);
    let pass = forward;
    for (const entry of [...faults]) {
      const { methods, times = Number.POSITIVE_INFINITY } = entry.scope;
      if ((methods !== undefined && !methods.includes(request.method)) || entry.hits >= times) continue;
      entry.hits += 1;
      const inner = pass;
      pass = (changed) => entry.fault(changed, inner);
    }
    return pass(request);
  };

  const server = createServer((request, response) => {
    traffic.exchanges += 1;
    traffic.underWay += 1;
    traffic.peak = Math.max(traffic.peak, traffic.underWay);
    response.once('close', () => {
      traffic.underWay -= 1;
      if (!response.writableFinished) traffic.abandoned += 1;
    });
    exchange(request, response, answer).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    traffic.accepted += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (request, client: Socket, head) => {
    // From here on it is a tunnel, no connection of HTTP.
    sockets.delete(client);
    if (webSockets === 'refuse') return client.end('HTTP/1.1 503 Service Unavailable\r\n\r\n');
    tunnel(request, client, head, new URL(upstreams[0] ?? ''), () => webSockets);
    tunnels.add(client);
    client.once('close', () => tunnels.delete(client));
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    set(fault, scope = {}) {
      const entry: SetFault = { fault, scope, hits: 0 };
      faults.push(entry);
      return {
        get hits() {
          return entry.hits;
        },
        end: () => {
          if (faults.includes(entry)) faults.splice(faults.indexOf(entry), 1);
        },
      };
    },
    heal: () => {
      faults.length = 0;
    },
    get webSockets() {
      return webSockets;
    },
    set webSockets(mode) {
      webSockets = mode;
    },
    cutWebSockets: () => {
      for (const socket of tunnels) socket.destroy();
    },
    get openWebSockets() {
      return tunnels.size;
    },
    requests: (method) =>
      method === undefined
        ? [...counts.values()].reduce((sum, count) => sum + count, 0)
        : (counts.get(method) ?? 0),
    get exchanges() {
      return traffic.exchanges;
    },
    get abandoned() {
      return traffic.abandoned;
    },
    get peakExchanges() {
      return traffic.peak;
    },
    get connections() {
      return { open: sockets.size, accepted: traffic.accepted };
    },
    resetCounts: () => {
      counts.clear();
      Object.assign(traffic, { exchanges: 0, abandoned: 0, peak: traffic.underWay });
    },
    cutIdleConnections: () => server.closeIdleConnections(),
    close: async () => {
      for (const socket of tunnels) socket.destroy();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** One HTTP request: single or batched, answered by `answer` one by one. */
async function exchange(request: IncomingMessage, response: ServerResponse, answer: Pass): Promise<void> {
  let body = '';
  for await (const chunk of request) body += chunk;
  const parsed: RpcRequest | RpcRequest[] = JSON.parse(body);
  const outcomes = await Promise.all(
    [parsed].flat().map(async ({ id, method, params = [] }) => {
      const outcome = await answer({ id, method, params, upstream: 0 });
      return 'http' in outcome || 'drop' in outcome ? outcome : { jsonrpc: '2.0', ...outcome, id };
    }),
  );
  const broken = outcomes.find((outcome) => 'http' in outcome || 'drop' in outcome);
  if (broken !== undefined && 'drop' in broken) return void response.destroy();
  const json: HttpAnswer = {
    status: 200,
    body: JSON.stringify(Array.isArray(parsed) ? outcomes : outcomes[0]),
  };
  const http = broken !== undefined && 'http' in broken ? broken.http : json;
  response.writeHead(http.status, { 'content-type': 'application/json', ...http.headers }).end(http.body);
}

/** Connects a WebSocket with the chain byte by byte. */
function tunnel(
  request: IncomingMessage,
  client: Socket,
  head: Buffer,
  upstream: URL,
  mode: () => WebSocketMode,
): void {
  const chain = connect(Number(upstream.port), upstream.hostname);
  const lines = [`${request.method} ${request.url} HTTP/1.1`];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    lines.push(`${request.rawHeaders[index]}: ${request.rawHeaders[index + 1]}`);
  }
  chain.write(`${lines.join('\r\n')}\r\n\r\n`);
  chain.write(head);
  client.pipe(chain);
  let handshake = true;
  chain.on('data', (bytes) => {
    if (handshake || mode() !== 'silent') client.write(bytes);
    handshake = false;
  });
  const end = () => {
    client.destroy();
    chain.destroy();
  };
  for (const socket of [client, chain]) socket.on('error', end).once('close', end);
}
