/** What public JSON-RPC endpoints do wrong, for `FaultProxy.set`. */
import { type Deferred, deferred } from './deferred.js';
import type { BrokenAnswer, Fault, HttpHeaders, Pass, RpcAnswer, RpcRequest } from './fault-proxy.js';

/** The connection breaks before an answer. */
export const drop: Fault = async () => ({ drop: true });

/** Any HTTP answer, as of a gateway. */
export function httpStatus(status: number, headers: HttpHeaders = {}, body = ''): Fault {
  return async () => ({ http: { status, headers, body } });
}

/** HTTP 429, with Retry-After or without. */
export function tooManyRequests(retryAfterSeconds?: number): Fault {
  const headers: HttpHeaders =
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  return httpStatus(429, headers, 'Too Many Requests');
}

export const html: Fault = httpStatus(200, { 'content-type': 'text/html' }, '<html>Bad gateway</html>');

export const cutOffJson: Fault = httpStatus(200, {}, '{"jsonrpc":"2.0","id":1,"resu');

/** A JSON-RPC error object. */
export function rpcError(code: number, message: string, data?: unknown): Fault {
  return async () => ({ error: { code, message, ...(data !== undefined && { data }) } });
}

/** How Infura and others say 429 inside of HTTP 200. */
export const limitExceeded: Fault = rpcError(-32005, 'daily request count exceeded, request rate limited');

export const answerNull: Fault = async () => ({ result: null });

/** Waits until the test lets it go: a server that hangs, or one that is late. */
export interface Hold {
  readonly fault: Fault;
  /** Resolves when the first request waits. */
  readonly reached: Promise<RpcRequest>;
  readonly waiting: number;
  /** What waits goes on, and nothing is held any more. */
  release(): void;
}

export function hold(): Hold {
  const reached: Deferred<RpcRequest> = deferred();
  const released = deferred();
  let waiting = 0;
  return {
    fault: async (request, pass) => {
      waiting += 1;
      reached.resolve(request);
      await released.promise;
      waiting -= 1;
      return pass(request);
    },
    reached: reached.promise,
    get waiting() {
      return waiting;
    },
    release: () => released.resolve(),
  };
}

/** The results are what `change` makes of them; errors stay. */
export function rewrite(change: (result: unknown, request: RpcRequest) => unknown): Fault {
  return async (request, pass) => {
    const answer = await pass(request);
    return 'result' in answer ? { result: change(answer.result, request) } : answer;
  };
}

/** Says that it serves another chain. Set it for all methods. */
export function lieAboutChain(chainId: number): Fault {
  return async (request, pass) =>
    request.method === 'eth_chainId' ? { result: toHex(chainId) } : pass(request);
}

/** Another of the chains behind the proxy answers. */
export function fromUpstream(upstream: number): Fault {
  return (request, pass) => pass({ ...request, upstream });
}

/** The chains behind the proxy take turns, request by request: a balancer before nodes on two forks. */
export function flip(upstreams = 2): Fault {
  let turn = 0;
  return (request, pass) => pass({ ...request, upstream: turn++ % upstreams });
}

/** No logs for anything: a node whose index of logs is behind its blocks. */
export const emptyLogs: Fault = async (request, pass) =>
  request.method === 'eth_getLogs' ? { result: [] } : pass(request);

/** Logs say they are of a block that nobody asked about. */
export const strayLogs: Fault = rewrite((result, { method }) =>
  method === 'eth_getLogs' && Array.isArray(result)
    ? result.map((log: object) => ({ ...log, blockHash: `0x${'5a'.repeat(32)}`, blockNumber: '0xffffff' }))
    : result,
);

const RANGE_ERRORS = {
  alchemy: { code: -32600, message: 'You can make eth_getLogs requests with up to a 10 block range.' },
  infura: { code: -32005, message: 'query returned more than 10000 results' },
  quicknode: { code: -32614, message: 'eth_getLogs is limited to a 10,000 range' },
  ankr: { code: -32000, message: 'block range is too wide' },
  http413: undefined,
} as const;

export type RangeStyle = keyof typeof RANGE_ERRORS;

/** Refuses `eth_getLogs` over more blocks, or with more logs, than this, in the words of a provider. */
export function limitRange(
  limit: { readonly maxBlocks?: number; readonly maxResults?: number },
  style: RangeStyle = 'alchemy',
): Fault {
  const { maxBlocks = Number.POSITIVE_INFINITY, maxResults = Number.POSITIVE_INFINITY } = limit;
  return async (request, pass) => {
    const [filter] = request.params as [{ fromBlock?: string; toBlock?: string }?];
    if (request.method !== 'eth_getLogs' || filter?.fromBlock === undefined) return pass(request);
    const blocks = Number(filter.toBlock) - Number(filter.fromBlock) + 1;
    const answer = await pass(request);
    const results = 'result' in answer && Array.isArray(answer.result) ? answer.result.length : 0;
    if (blocks <= maxBlocks && results <= maxResults) return answer;
    const error = RANGE_ERRORS[style];
    return error === undefined ? { http: { status: 413, body: 'response too large' } } : { error };
  };
}

/** Knows the chain but for its newest blocks. Set it for all methods. */
export function lag(blocks: number): Fault {
  return async (request, pass) => {
    const head = Number(resultOf(await pass({ ...request, method: 'eth_blockNumber', params: [] })));
    return answerAsOf(Math.max(0, head - blocks), request, pass);
  };
}

async function answerAsOf(head: number, request: RpcRequest, pass: Pass): Promise<RpcAnswer | BrokenAnswer> {
  const { method, params } = request;
  const withParams = (changed: readonly unknown[]) => pass({ ...request, params: changed });
  switch (method) {
    case 'eth_blockNumber':
      return { result: toHex(head) };
    case 'eth_getBlockByNumber': {
      const number = heightOf(params[0], head);
      return number > head ? { result: null } : withParams([toHex(number), ...params.slice(1)]);
    }
    case 'eth_getBlockByHash':
    case 'eth_getTransactionByHash':
    case 'eth_getTransactionReceipt': {
      const answer = await pass(request);
      const found = resultOf(answer) as { number?: string; blockNumber?: string } | null;
      const number = found?.blockNumber ?? found?.number;
      return number !== undefined && Number(number) > head ? { result: null } : answer;
    }
    case 'eth_getLogs': {
      const [filter] = params as [{ blockHash?: string; fromBlock?: string; toBlock?: string }];
      if (filter.blockHash !== undefined) {
        const block = await pass({
          ...request,
          method: 'eth_getBlockByHash',
          params: [filter.blockHash, false],
        });
        const found = resultOf(block) as { number: string } | null;
        if (found !== null && Number(found.number) <= head) return pass(request);
        return { error: { code: -32000, message: 'unknown block' } };
      }
      const fromBlock = heightOf(filter.fromBlock, head);
      const toBlock = Math.min(head, heightOf(filter.toBlock, head));
      if (fromBlock > head) return { result: [] };
      return withParams([{ ...filter, fromBlock: toHex(fromBlock), toBlock: toHex(toBlock) }]);
    }
    case 'eth_call':
    case 'eth_getCode':
    case 'eth_getBalance':
    case 'eth_getTransactionCount': {
      const number = heightOf(params[1], head);
      if (number > head) return { error: { code: -32000, message: 'header not found' } };
      return withParams([params[0], toHex(number), ...params.slice(2)]);
    }
    default:
      return pass(request);
  }
}

/** `latest`, `pending` and no tag at all are the head; hashes are not looked at. */
function heightOf(tag: unknown, head: number): number {
  return typeof tag === 'string' && /^0x[0-9a-f]{1,16}$/i.test(tag) ? Number(tag) : head;
}

function resultOf(answer: RpcAnswer | BrokenAnswer): unknown {
  return 'result' in answer ? answer.result : undefined;
}

function toHex(value: number): string {
  return `0x${value.toString(16)}`;
}
