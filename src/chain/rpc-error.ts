/** What a JSON-RPC error object means: nodes agree on few codes, so their sentences are read too. */
import type { Hex } from '../base/brands.js';
import { isPonosError, isRetryable, PonosError } from '../base/error.js';
import { revertedError } from './contracts/errors.js';
import { type RefusalReason, refusalIn } from './endpoint-refusal.js';
import { type RejectionReason, rejectedError, rejectionIn } from './transaction-rejection.js';

/** The `error` member of a JSON-RPC answer. */
export interface RpcErrorObject {
  readonly code: number;
  readonly message?: string;
  readonly data?: unknown;
}

export type RpcErrorMeaning =
  | { readonly kind: 'reverted'; readonly data: Hex | undefined }
  | { readonly kind: 'rejected'; readonly reason: RejectionReason }
  | { readonly kind: 'no-history' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

const NO_HISTORY =
  /missing trie node|historical state|state (is )?(not available|unavailable)|pruned|archive/i;
/** anvil says this of a block that it does not have yet, and of one whose state it has dropped. */
const OUT_OF_RANGE = /BlockOutOfRange.*height is (\d+) but requested was (\d+)/;

/** Pure classification of an error object. */
export function readRpcError(error: RpcErrorObject): RpcErrorMeaning {
  const message = error.message ?? '';
  const data = revertData(error.data);
  // Code 3 is geth's (and by now everyone's) for a call that reverted with data. Its sentence may quote the
  // contract's, which may be like one of a node. Too little gas is a call's own failure, too.
  if (error.code === 3 || /revert|out ?of ?gas/i.test(message)) return { kind: 'reverted', data };
  const reason = rejectionIn(message);
  if (reason !== undefined) return { kind: 'rejected', reason };
  if (NO_HISTORY.test(message) || isBelowHeight(message)) return { kind: 'no-history' };
  return { kind: 'refused', reason: refusalIn(error) };
}

function isBelowHeight(message: string): boolean {
  const [, height, requested] = OUT_OF_RANGE.exec(message) ?? [];
  return height !== undefined && Number(requested) <= Number(height);
}

/**
 * The error object as the program's error; `where` names chain and host, `retryAfter` is the header of the answer that
 * it came with.
 */
export function rpcError(
  method: string,
  where: string,
  error: RpcErrorObject,
  retryAfter?: string,
): PonosError {
  const meaning = readRpcError(error);
  const facts = { method, endpoint: where, rpcCode: error.code, answer: error.message?.slice(0, 300) };
  switch (meaning.kind) {
    case 'reverted':
      return revertedError(meaning.data, error.message);
    case 'rejected':
      return rejectedError(meaning.reason, facts);
    case 'no-history':
      return new PonosError('CHAIN_NO_HISTORY', {
        message: 'the JSON-RPC endpoint does not have the state of a past block',
        facts,
        advice: 'Use an archive node for this chain.',
      });
    case 'refused':
      if (meaning.reason === 'rate-limited') {
        return rateLimited(where, { retryAfter, answer: error.message ?? `error ${error.code}` });
      }
      return new PonosError('CHAIN_RPC', {
        message: 'a JSON-RPC request was answered with an error',
        facts: { reason: meaning.reason, ...facts },
      });
  }
}

/** An endpoint that wants to be asked less. `retryAfter` is the header as it came. */
export function rateLimited(
  where: string,
  said: { readonly retryAfter: string | undefined; readonly answer: string },
): PonosError {
  return new PonosError('CHAIN_RATE_LIMITED', {
    message: `${where} limits requests`,
    facts: { answer: said.answer.slice(0, 300), retryAfter: said.retryAfter },
    advice: 'If this lasts, use an endpoint with a higher limit, or name further ones in rpcUrls.',
  });
}

/**
 * Whether time may mend it. An endpoint that serves another chain or has no history all of a sudden is as
 * good as one that does not answer: at the start they were proven, and there may be several behind one URL.
 */
export function canPass(error: unknown): boolean {
  return (
    isRetryable(error) || isPonosError(error, 'CHAIN_MISMATCH') || isPonosError(error, 'CHAIN_NO_HISTORY')
  );
}

/** Nodes put the returned bytes at `data`, or one or two objects deeper. */
function revertData(data: unknown, depth = 0): Hex | undefined {
  if (typeof data === 'string') {
    const hex = /0x(?:[0-9a-f]{2})*$/i.exec(data)?.[0].toLowerCase();
    return hex === undefined || hex === '0x' ? undefined : (hex as Hex);
  }
  if (typeof data !== 'object' || data === null || depth === 3) return undefined;
  for (const value of Object.values(data)) {
    const found = revertData(value, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
