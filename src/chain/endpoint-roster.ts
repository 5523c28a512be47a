/** The endpoints of a chain with how each is doing; tells the log, once, when one drops out or comes back. */
import type { Clock } from '../base/clock.js';
import { explain, isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { BlockRef } from './block.js';
import type { Endpoint } from './endpoint.js';
import { judgeFailure } from './endpoint-failure.js';
import { ForkMemory } from './endpoint-forks.js';
import {
  afterEvent,
  askingOrder,
  type EndpointEvent,
  type EndpointHealth,
  type EndpointState,
  medianLatencyMs,
  NEW_ENDPOINT,
  standing,
  TOLERATED_LAG_BLOCKS,
} from './endpoint-health.js';
import { retryAfterMs } from './endpoint-refusal.js';

/** For people: what a status page shows of an endpoint. */
export interface EndpointStatus {
  /** Nothing else of the URL, which may hold a token. */
  readonly host: string;
  readonly state: EndpointState;
  /** Whether it is asked first. */
  readonly inUse: boolean;
  /** The newest block that it told of. */
  readonly head: number | undefined;
  /** Median of the last answers. */
  readonly latencyMs: number | undefined;
  readonly lastError: string | undefined;
}

export interface RosterEntry {
  readonly endpoint: Endpoint;
  health: EndpointHealth;
  /** Of the newest failure. */
  lastError: string | undefined;
  readonly forks: ForkMemory;
  /** What the log was told last. */
  told: EndpointState;
}

const MOST_ERROR_CHARS = 300;

/** Where there is but one endpoint, who asks it tells what fails; only these need a word of their own. */
const TOLD_OF_SOLE: readonly EndpointState[] = ['limited', 'wrong-chain'];

export class EndpointRoster {
  readonly #entries: readonly RosterEntry[];
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(endpoints: readonly Endpoint[], clock: Clock, logger: Logger) {
    this.#entries = endpoints.map((endpoint) => ({
      endpoint,
      health: NEW_ENDPOINT,
      lastError: undefined,
      forks: new ForkMemory(),
      told: 'working',
    }));
    this.#clock = clock;
    this.#logger = logger;
  }

  get all(): readonly RosterEntry[] {
    return this.#entries;
  }

  /** Whom to ask, in this order; empty while all want to be left alone. */
  order(): readonly RosterEntry[] {
    const healths = this.#entries.map(({ health }) => health);
    return askingOrder(healths, this.#clock.monotonicMs()).flatMap((index) => this.#entries[index] ?? []);
  }

  /** Whether an endpoint stands among the first. */
  isGood({ health }: RosterEntry): boolean {
    return standing(health, this.#clock.monotonicMs()) === 'first';
  }

  /** Milliseconds until the first of those that want to be left alone may be asked again; undefined without any. */
  restMs(): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    const rests = this.#entries
      .filter(({ health }) => health.state === 'limited' && health.restsUntilMs > nowMs)
      .map(({ health }) => health.restsUntilMs - nowMs);
    return rests.length === 0 ? undefined : Math.min(...rests);
  }

  answered(entry: RosterEntry, latencyMs: number): void {
    this.#note(entry, { kind: 'answered', latencyMs });
  }

  /** Another endpoint answered a request sooner, although it was asked later. */
  overtaken(entry: RosterEntry): void {
    entry.lastError = 'answers later than the others';
    this.#note(entry, { kind: 'odd' });
  }

  /** What an endpoint says is the newest block. */
  toldHead(entry: RosterEntry, head: BlockRef): void {
    entry.health = { ...entry.health, head: head.number };
    this.toldBlock(entry, head);
  }

  /** What an endpoint says is the block at a height. */
  toldBlock(entry: RosterEntry, block: BlockRef): void {
    if (!entry.forks.tell(block)) return;
    entry.lastError = `speaks for two forks by turns, at block ${block.number}`;
    this.#note(entry, { kind: 'broken' });
  }

  /** The highest head that endpoints in good standing have told of. */
  get newest(): number {
    const heads = this.#entries.filter((entry) => this.isGood(entry)).map(({ health }) => health.head ?? 0);
    return Math.max(0, ...heads);
  }

  /** The heads of several endpoints at one time. */
  heads(heads: readonly { readonly entry: RosterEntry; readonly head: number }[]): void {
    const newest = Math.max(...heads.map(({ head }) => head));
    for (const { entry, head } of heads) {
      if (head < newest - TOLERATED_LAG_BLOCKS) entry.lastError = `head ${head}, others have ${newest}`;
      this.#note(entry, { kind: 'head', head, newest });
    }
  }

  /** Another endpoint had what this one should have had. */
  contradicted(entry: RosterEntry, error: unknown): void {
    entry.lastError = explain(error).slice(0, MOST_ERROR_CHARS);
    this.#note(entry, { kind: 'broken' });
  }

  failed(entry: RosterEntry, error: unknown): void {
    const meaning = judgeFailure(error);
    if (meaning === 'answer' || meaning === 'elsewhere') return;
    entry.lastError = explain(error).slice(0, MOST_ERROR_CHARS);
    const nowMs = this.#clock.monotonicMs();
    if (meaning === 'limited') {
      const isNew = entry.health.state !== 'limited' || entry.health.restsUntilMs <= nowMs;
      if (isNew) entry.endpoint.narrow(error);
      this.#note(entry, { kind: 'limited', retryAfterMs: retryAfterOf(error, this.#clock.nowMs()) });
      return;
    }
    this.#note(entry, { kind: meaning });
  }

  status(): readonly EndpointStatus[] {
    const [first] = this.order();
    return this.#entries.map((entry) => ({
      host: entry.endpoint.host,
      state: entry.health.state,
      inUse: entry === first,
      head: entry.health.head,
      latencyMs: medianLatencyMs(entry.health),
      lastError: entry.lastError,
    }));
  }

  #note(entry: RosterEntry, event: EndpointEvent): void {
    entry.health = afterEvent(entry.health, event, this.#clock.monotonicMs());
    // Who comes back may be another: behind a new connection, or a balancer that was set up anew.
    const isOdd = event.kind === 'odd' && entry.health.state === 'failing';
    if (event.kind === 'broken' || isOdd) entry.endpoint.doubt();
    if (entry.health.state !== entry.told) this.#tell(entry);
  }

  #tell(entry: RosterEntry): void {
    const { state, restsUntilMs } = entry.health;
    const isSole = this.#entries.length === 1;
    const was = entry.told;
    entry.told = state;
    const facts = { endpoint: entry.endpoint.host, inUse: this.order()[0]?.endpoint.host ?? 'none' };
    if (state === 'working') {
      if (!isSole || TOLD_OF_SOLE.includes(was))
        this.#logger.info('an endpoint is back in service', { ...facts, was });
      return;
    }
    if (isSole && !TOLD_OF_SOLE.includes(state)) return;
    const restsSeconds = Math.ceil((restsUntilMs - this.#clock.monotonicMs()) / 1_000);
    const line = { ...facts, because: entry.lastError, restsSeconds };
    if (state === 'wrong-chain')
      this.#logger.error('an endpoint serves another chain and is not asked any more', line);
    else if (state === 'limited')
      this.#logger.warn('an endpoint limits requests and is left alone for a while', line);
    else if (state === 'behind')
      this.#logger.warn('an endpoint is behind the others and is asked last', line);
    else this.#logger.warn('an endpoint fails and is asked last', line);
  }
}

function retryAfterOf(error: unknown, nowMs: number): number | undefined {
  const header = isPonosError(error) ? error.facts.retryAfter : undefined;
  return typeof header === 'string' ? retryAfterMs(header, nowMs) : undefined;
}
