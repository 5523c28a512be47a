/**
 * A WebSocket endpoint that announces new blocks. What it says is never believed: it only makes the next look at the
 * chain come sooner, so that one that is silent, cut off, wrong or of another chain costs nothing but that.
 */
import { type RawData, WebSocket } from 'ws';
import type { ChainId } from '../base/brands.js';
import { abortError, type Clock } from '../base/clock.js';
import { explain, PonosError } from '../base/error.js';
import { pauseMsAfter } from '../base/growing-pause.js';
import type { Logger } from '../base/logger.js';
import type { HeadTracker } from './head-tracker.js';

export interface HeadSubscriptionOptions {
  /** `ws://` or `wss://`; may hold a token, so it is not printed. */
  readonly url: string;
  readonly chainId: ChainId;
  /** What polling sees: a subscription that announces none of it is given up. */
  readonly heads: Pick<HeadTracker, 'subscribe'>;
  /** Called at each announcement. */
  readonly onBlock: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const BACK_OFF_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000] as const;
/** A connection that lasted this long has worked; the next one is tried without a long pause. */
const LASTING_MS = 60_000;
const PING_MS = 30_000;
const HANDSHAKE_MS = 10_000;
/** Polled heads without an announcement. */
const MOST_UNANNOUNCED = 8;
/** A header has about one kilobyte. */
const MAX_MESSAGE_BYTES = 64 * 1024;

const CHAIN_REQUEST = 1;
const SUBSCRIBE_REQUEST = 2;

/** Keeps a subscription up until the signal aborts. Never rejects: each change of its state is one line of the log. */
export async function subscribeToHeads(options: HeadSubscriptionOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, chainId, url } = options;
  const { host } = new URL(url);
  let announces: boolean | undefined;
  let failures = 0;
  const onSubscribed = () => {
    announces = true;
    logger.info('new blocks are announced by a WebSocket endpoint', { chainId, host });
  };
  while (!signal.aborted) {
    const startMs = clock.monotonicMs();
    const error = await listen(options, onSubscribed, signal).catch((thrown: unknown) => thrown);
    if (signal.aborted) return;
    if (announces !== false) {
      logger.warn('new blocks are not announced now, the chain is polled', { chainId, host, error });
    }
    failures = announces === true && clock.monotonicMs() - startMs >= LASTING_MS ? 0 : failures + 1;
    announces = false;
    const pauseMs = pauseMsAfter(Math.max(failures - 1, 0), BACK_OFF_MS);
    await clock.sleep(pauseMs, signal).catch(() => undefined); // the loop ends when it was aborted
  }
}

/** One connection. Resolves, when it is closed, with the reason. */
function listen(
  { url, chainId, heads, onBlock, clock }: HeadSubscriptionOptions,
  onSubscribed: () => void,
  signal: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve) => {
    const closed = new AbortController();
    let reason: unknown;
    let unannounced = 0;
    let isAlive = true;
    const socket = new WebSocket(url, {
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
    });
    const end = (why: unknown) => {
      reason ??= why;
      socket.terminate();
    };
    const send = (id: number, method: string, params: readonly string[]) =>
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    const onAbort = () => end(abortError(signal));
    const unsubscribe = heads.subscribe(() => {
      unannounced += 1;
      if (unannounced > MOST_UNANNOUNCED) end(unusable('the endpoint announces no blocks'));
    });
    const watch = async () => {
      for (;;) {
        await clock.sleep(PING_MS, closed.signal);
        if (!isAlive) return end(unusable('the connection is dead'));
        isAlive = false;
        if (socket.readyState === WebSocket.OPEN) socket.ping();
      }
    };
    let isProven = false;
    let subscription: unknown;
    socket.on('open', () => send(CHAIN_REQUEST, 'eth_chainId', []));
    socket.on('pong', () => {
      isAlive = true;
    });
    const receive = (message: Message) => {
      // Each request has one answer: further ones are not worth a request or a line of the log.
      if (message.id === CHAIN_REQUEST && !isProven) {
        if (Number(message.result) !== Number(chainId)) return end(otherChain(chainId, message));
        isProven = true;
        send(SUBSCRIBE_REQUEST, 'eth_subscribe', ['newHeads']);
      } else if (message.id === SUBSCRIBE_REQUEST && subscription === undefined) {
        if (typeof message.result !== 'string') return end(refused(message));
        subscription = message.result;
        onSubscribed();
      } else if (subscription !== undefined && message.params?.subscription === subscription) {
        unannounced = 0;
        onBlock();
      }
    };
    socket.on('message', (data) => {
      isAlive = true;
      try {
        receive(readMessage(data));
      } catch {
        // Nothing else would catch it: some values cannot even be turned into text or a number.
        end(unusable('the endpoint speaks no JSON-RPC'));
      }
    });
    socket.on('error', end);
    socket.on('close', (code) => {
      unsubscribe();
      closed.abort();
      signal.removeEventListener('abort', onAbort);
      resolve(reason ?? unusable(`the endpoint has closed the connection with code ${code}`));
    });
    watch().catch(() => undefined); // ends with the connection
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

interface Message {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message?: unknown };
  readonly params?: { readonly subscription?: unknown };
}

/** @throws for what is not a JSON object */
function readMessage(data: RawData): Message {
  const parsed: unknown = JSON.parse(data.toString());
  if (typeof parsed !== 'object' || parsed === null) throw new TypeError('no JSON object');
  return parsed;
}

function unusable(message: string): PonosError {
  return new PonosError('CHAIN_UNREACHABLE', {
    message,
    advice: 'Check wsUrl; without it the chain is polled.',
  });
}

function refused({ error }: Message): PonosError {
  return new PonosError('CHAIN_RPC', {
    message: 'the endpoint does not announce blocks',
    facts: { answer: explain(error?.message).slice(0, 300) },
    advice: 'Check that wsUrl is an endpoint that knows eth_subscribe; without it the chain is polled.',
  });
}

function otherChain(expected: ChainId, { result, error }: Message): PonosError {
  return new PonosError('CHAIN_MISMATCH', {
    message: 'the WebSocket endpoint serves another chain',
    facts: { expected, answer: explain(result ?? error?.message).slice(0, 100) },
    advice: 'Correct wsUrl in the configuration; without it the chain is polled.',
  });
}
