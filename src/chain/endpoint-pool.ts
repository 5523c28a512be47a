/** How a request finds an answer: the endpoints in order of standing, a second one beside one that is late. */
import { abortError, type Clock, throwIfAborted } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { type Block, parseBlock } from './block.js';
import type { Endpoint } from './endpoint.js';
import { isContradicted, judgeFailure } from './endpoint-failure.js';
import { ForkMemory } from './endpoint-forks.js';
import { hedgeDelayMs, TOLERATED_LAG_BLOCKS } from './endpoint-health.js';
import { type Ask, type AskOutcome, HedgeBudget, hedge } from './endpoint-hedge.js';
import { EndpointRoster, type EndpointStatus, type RosterEntry } from './endpoint-roster.js';
import type { Delivery } from './json-rpc.js';

export interface PoolRequest<T> {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly delivery: Delivery;
  /**
   * @param from who answered
   * @throws PonosError CHAIN_RPC for what makes no sense: the endpoint's failure
   */
  readonly parse: (answer: unknown, from: RosterEntry) => T;
  /** Rejects when the answer is not to be believed, with an error of the endpoint. */
  readonly confirm?: (value: T) => Promise<void>;
}

export interface EndpointPoolOptions {
  readonly chainName: string;
  readonly endpoints: readonly Endpoint[];
  readonly clock: Clock;
  /** How long a request may wait for endpoints that want to be left alone. */
  readonly patienceMs: number;
  readonly logger: Logger;
}

/** Reads of what every endpoint has alike. Not among them: sending, and what depends on one endpoint's pool. */
const HEDGED: ReadonlySet<string> = new Set([
  'eth_getBlockByNumber',
  'eth_getBlockByHash',
  'eth_getLogs',
  'eth_call',
  'eth_getCode',
]);
const NEWEST_BLOCK = {
  method: 'eth_getBlockByNumber',
  params: ['latest', false],
  delivery: 'single',
} as const;
/** The heads of all endpoints are compared this often while somebody asks for the head. */
const COMPARE_MS = 15_000;

/** Answers can be anything: whatever it is that parsing one stumbles over, the endpoint has failed, not the request. */
function sensible<T>(parse: () => T, { endpoint }: RosterEntry, method: string): T {
  try {
    return parse();
  } catch (cause) {
    if (isPonosError(cause, 'CHAIN_RPC')) throw cause;
    const message = `${endpoint.where} answered with what makes no sense`;
    throw new PonosError('CHAIN_RPC', { message, facts: { method }, cause });
  }
}

export class EndpointPool {
  readonly #options: EndpointPoolOptions;
  readonly #roster: EndpointRoster;
  readonly #budget = new HedgeBudget();
  /** The newest that was told of each height, by whomever. */
  readonly #known = new ForkMemory();
  readonly #closing = new AbortController();
  #comparedAtMs: number;
  #comparing: Promise<void> | undefined;

  constructor(options: EndpointPoolOptions) {
    this.#options = options;
    this.#roster = new EndpointRoster(options.endpoints, options.clock, options.logger);
    this.#comparedAtMs = options.clock.monotonicMs();
  }

  /**
   * Asks every endpoint for its chain id, and compares their heads. Goes on while one of several answers.
   * @throws PonosError CHAIN_UNREACHABLE, CHAIN_RATE_LIMITED when none answers, CHAIN_MISMATCH when any serves
   *   another chain
   */
  async start(signal?: AbortSignal): Promise<void> {
    const entries = this.#roster.all;
    const checks = await Promise.allSettled(entries.map(({ endpoint }) => endpoint.proveChain()));
    throwIfAborted(signal);
    const errors = checks.flatMap((check) => (check.status === 'rejected' ? [check.reason] : []));
    const mismatch = errors.find((error) => isPonosError(error, 'CHAIN_MISMATCH'));
    if (mismatch !== undefined) throw mismatch;
    if (errors.length === entries.length) throw errors[0];
    for (const [index, check] of checks.entries()) {
      const entry = entries[index];
      if (entry !== undefined && check.status === 'rejected') this.#roster.failed(entry, check.reason);
    }
    if (entries.length > 1) await this.#compareHeads();
    throwIfAborted(signal);
  }

  status(): readonly EndpointStatus[] {
    return this.#roster.status();
  }

  /**
   * The first good answer. An endpoint that fails is passed over; one that has reverted, or refused the request
   * itself, has answered. While all want to be left alone, the request waits, but not longer than `patienceMs`.
   * @throws PonosError as `Endpoint.request`; of several failed endpoints, the first one's error
   */
  async ask<T>(request: PoolRequest<T>): Promise<T> {
    const { clock, patienceMs } = this.#options;
    const untilMs = clock.monotonicMs() + patienceMs;
    for (;;) {
      const outcome = await this.#askAll(request);
      if (outcome.kind === 'answer') return outcome.value;
      const restMs = judgeFailure(outcome.error) === 'limited' ? this.#roster.restMs() : undefined;
      if (outcome.kind === 'final' || restMs === undefined || clock.monotonicMs() + restMs > untilMs)
        throw outcome.error;
      await clock.sleep(restMs, this.#closing.signal);
    }
  }

  /**
   * The newest block of the endpoint that answers. Now and then, and when it is older than what others told of, all
   * heads are compared, so that the next one is of an endpoint that keeps up.
   */
  async head(): Promise<Block> {
    const { block, entry } = await this.#askForBlock({ ...NEWEST_BLOCK, parse: parseBlock });
    const newest = this.#roster.newest;
    this.#roster.toldHead(entry, block);
    if (this.#roster.all.length > 1) {
      const isBehind = block.number < newest - TOLERATED_LAG_BLOCKS;
      if (isBehind || this.#options.clock.monotonicMs() - this.#comparedAtMs >= COMPARE_MS) {
        this.#comparing ??= this.#compareHeads().finally(() => {
          this.#comparing = undefined;
        });
      }
    }
    return block;
  }

  /** A block of the chain by its number. @throws PonosError as `ask`, and what `parse` throws */
  async blockAt(request: PoolRequest<Block>): Promise<Block> {
    const { block, entry } = await this.#askForBlock(request);
    this.#roster.toldBlock(entry, block);
    return block;
  }

  /** Ends all connections; what is under way rejects with ABORTED. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#options.endpoints.map((endpoint) => endpoint.close()));
    await this.#comparing;
  }

  /** A block that contradicts those known is believed when the endpoint has proven its chain id once more. */
  async #askForBlock(request: PoolRequest<Block>): Promise<{ block: Block; entry: RosterEntry }> {
    const found = await this.ask({
      ...request,
      parse: (answer, entry) => ({ block: request.parse(answer, entry), entry }),
      confirm: async ({ block, entry }) => {
        if (this.#known.contradicts(block)) await entry.endpoint.proveChain();
      },
    });
    this.#known.tell(found.block);
    return found;
  }

  async #askAll<T>(request: PoolRequest<T>): Promise<AskOutcome<T>> {
    if (this.#closing.signal.aborted) return { kind: 'final', error: abortError(this.#closing.signal) };
    this.#budget.earn();
    const order = this.#roster.order();
    const { outcome: first, asked } = await this.#askFirst(order, request);
    if (first.kind !== 'failed') return first;
    for (const entry of order.slice(asked)) {
      if (!this.#mayKnowMore(entry, first.error)) continue;
      const outcome = await this.#askOne(entry, request);
      if (outcome.kind === 'failed') continue;
      const [preferred] = order;
      if (preferred !== undefined && isContradicted(first.error))
        this.#roster.contradicted(preferred, first.error);
      return outcome;
    }
    return first;
  }

  /** One endpoint, or two when the first is late. */
  async #askFirst<T>(
    [first, second]: readonly RosterEntry[],
    request: PoolRequest<T>,
  ): Promise<{ outcome: AskOutcome<T>; asked: number }> {
    if (first === undefined) return { outcome: { kind: 'failed', error: this.#nobody() }, asked: 0 };
    const canHedge = HEDGED.has(request.method) && this.#roster.isGood(first);
    if (!canHedge || second === undefined || !this.#roster.isGood(second)) {
      return { outcome: await this.#askOne(first, request), asked: 1 };
    }
    const ask =
      (entry: RosterEntry): Ask<T> =>
      (signal) =>
        this.#askOne(entry, request, signal);
    const { outcome, asked, isOvertaken } = await hedge(ask(first), ask(second), {
      delayMs: hedgeDelayMs(first.health),
      clock: this.#options.clock,
      mayHedge: () => this.#budget.spend(),
    });
    if (isOvertaken) this.#roster.overtaken(first);
    return { outcome, asked: asked === 'both' ? 2 : 1 };
  }

  async #askOne<T>(
    entry: RosterEntry,
    { method, params, delivery, parse, confirm }: PoolRequest<T>,
    signal?: AbortSignal,
  ): Promise<AskOutcome<T>> {
    const { clock } = this.#options;
    const askedAtMs = clock.monotonicMs();
    try {
      const answer = await entry.endpoint.request(method, params, delivery, signal);
      const value = sensible(() => parse(answer, entry), entry, method);
      await confirm?.(value);
      this.#roster.answered(entry, clock.monotonicMs() - askedAtMs);
      return { kind: 'answer', value };
    } catch (error) {
      if (signal?.aborted) return { kind: 'failed', error };
      this.#roster.failed(entry, error);
      return { kind: judgeFailure(error) === 'answer' ? 'final' : 'failed', error };
    }
  }

  /** Where an endpoint knows too little, one that fails is not waited for; nor is one that has just asked for rest. */
  #mayKnowMore(entry: RosterEntry, error: unknown): boolean {
    if (this.#roster.isGood(entry)) return true;
    const { state } = entry.health;
    return state === 'behind' || (state === 'failing' && judgeFailure(error) !== 'elsewhere');
  }

  /** Never rejects: who does not answer is not compared. */
  async #compareHeads(): Promise<void> {
    const entries = this.#roster.all.filter(
      (entry) => this.#roster.isGood(entry) || entry.health.state === 'behind',
    );
    const answers = await Promise.all(
      entries.map(async (entry) => {
        const outcome = await this.#askOne(entry, { ...NEWEST_BLOCK, parse: parseBlock });
        return outcome.kind === 'answer' ? [{ entry, head: outcome.value.number }] : [];
      }),
    );
    this.#comparedAtMs = this.#options.clock.monotonicMs();
    this.#roster.heads(answers.flat());
  }

  #nobody(): PonosError {
    const restMs = this.#roster.restMs();
    if (restMs === undefined) {
      return new PonosError('CHAIN_MISMATCH', {
        message: `no endpoint serves chain ${this.#options.chainName} now`,
        advice: 'Correct rpcUrl or chainId in the configuration.',
      });
    }
    return new PonosError('CHAIN_RATE_LIMITED', {
      message: `all endpoints of chain ${this.#options.chainName} limit requests`,
      facts: { nextInSeconds: Math.ceil(restMs / 1_000) },
      advice: 'If this lasts, use endpoints with a higher limit, or name further ones in rpcUrls.',
    });
  }
}
