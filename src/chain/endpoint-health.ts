/** How an endpoint is doing, from what happens to requests, and whom to ask first; pure. */

/**
 * `working`: asked in the order of the configuration. `failing`, `behind`: asked last while it rests. `limited`,
 * `wrong-chain`: not asked at all while it rests.
 */
export type EndpointState = 'working' | 'failing' | 'behind' | 'limited' | 'wrong-chain';

export interface EndpointHealth {
  readonly state: EndpointState;
  /** The end of the last rest, also when it is over. */
  readonly restsUntilMs: number;
  /** Why it rested last, and how long. */
  readonly lastRest: { readonly state: EndpointState; readonly ms: number };
  /** Oddities in a row: refusals without a clear reason, answers that came later than another's. */
  readonly doubts: number;
  /** Of the last answers, newest last. */
  readonly latenciesMs: readonly number[];
  /** The newest block that it told of. */
  readonly head: number | undefined;
}

export type EndpointEvent =
  | { readonly kind: 'answered'; readonly latencyMs: number }
  /** `newest` is the highest head of all endpoints. */
  | { readonly kind: 'head'; readonly head: number; readonly newest: number }
  | { readonly kind: 'broken' }
  | { readonly kind: 'odd' }
  | { readonly kind: 'limited'; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'wrong-chain' };

export type Standing = 'first' | 'last' | 'never';

export const NEW_ENDPOINT: EndpointHealth = {
  state: 'working',
  restsUntilMs: 0,
  lastRest: { state: 'working', ms: 0 },
  doubts: 0,
  latenciesMs: [],
  head: undefined,
};

/** Blocks by which honest endpoints differ for a moment. */
export const TOLERATED_LAG_BLOCKS = 2;
/** Oddities in a row that make a failure. */
const MOST_DOUBTS = 3;
const KEPT_LATENCIES = 64;

/** The first rest in milliseconds, and the longest: each is twice as long as the one before. */
const RESTS_MS = {
  failing: [15_000, 120_000],
  limited: [1_000, 60_000],
  'wrong-chain': [30_000, 300_000],
  /** Heads are compared more often than this, so that it lasts for as long as the endpoint is behind. */
  behind: [60_000, 60_000],
} as const;
/** However long an endpoint wants to be left alone, it is tried after this. */
const LONGEST_RETRY_AFTER_MS = 10 * 60_000;

/** Answers that are needed to know what is usual. */
const KNOWN_AFTER = 10;
const DEFAULT_HEDGE_MS = 1_000;
const SHORTEST_HEDGE_MS = 100;
const LONGEST_HEDGE_MS = 2_000;

export function afterEvent(health: EndpointHealth, event: EndpointEvent, nowMs: number): EndpointHealth {
  const rested = health.restsUntilMs <= nowMs;
  switch (event.kind) {
    case 'answered': {
      const latenciesMs = [...health.latenciesMs, event.latencyMs].slice(-KEPT_LATENCIES);
      const answered = { ...health, latenciesMs, doubts: 0 };
      return rested ? { ...answered, state: 'working' } : answered;
    }
    case 'head': {
      const { head, newest } = event;
      if (!rested && health.state !== 'behind') return { ...health, head };
      if (head < newest - TOLERATED_LAG_BLOCKS) return resting({ ...health, head }, 'behind', nowMs);
      return health.state === 'behind'
        ? { ...health, head, state: 'working', restsUntilMs: 0 }
        : { ...health, head };
    }
    case 'odd': {
      const doubts = health.doubts + 1;
      return doubts < MOST_DOUBTS
        ? { ...health, doubts }
        : afterEvent({ ...health, doubts }, { kind: 'broken' }, nowMs);
    }
    case 'broken':
      // What fails while it rests was asked because nobody else could: that makes the rest no longer.
      return rested ? resting(health, 'failing', nowMs) : health;
    case 'limited': {
      if (!rested && health.state === 'limited') return health;
      const limited = resting(health, 'limited', nowMs);
      const askedForMs = Math.min(event.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
      return { ...limited, restsUntilMs: Math.max(limited.restsUntilMs, nowMs + askedForMs) };
    }
    case 'wrong-chain':
      return rested || health.state !== 'wrong-chain' ? resting(health, 'wrong-chain', nowMs) : health;
  }
}

/** Twice as long as the last time, unless it has worked for twice as long as it rested then. */
function resting(
  health: EndpointHealth,
  state: Exclude<EndpointState, 'working'>,
  nowMs: number,
): EndpointHealth {
  const { lastRest, restsUntilMs } = health;
  const [shortest, longest] = RESTS_MS[state];
  const isAgain = lastRest.state === state && nowMs - restsUntilMs < 2 * lastRest.ms;
  const ms = isAgain ? Math.min(longest, 2 * lastRest.ms) : shortest;
  return { ...health, state, lastRest: { state, ms }, doubts: 0, restsUntilMs: nowMs + ms };
}

/** An endpoint whose rest is over stands first again: the next answer tells. */
export function standing({ state, restsUntilMs }: EndpointHealth, nowMs: number): Standing {
  if (state === 'working' || restsUntilMs <= nowMs) return 'first';
  return state === 'limited' || state === 'wrong-chain' ? 'never' : 'last';
}

/**
 * Positions in the order of asking: those of the configuration's order that work, then those that are behind, then
 * those that fail, the one that comes back soonest first.
 */
export function askingOrder(healths: readonly EndpointHealth[], nowMs: number): readonly number[] {
  const ranked = healths.flatMap((health, index) => {
    const where = standing(health, nowMs);
    if (where === 'never') return [];
    if (where === 'first') return [{ index, rank: 0, untilMs: 0 }];
    return [{ index, rank: health.state === 'behind' ? 1 : 2, untilMs: health.restsUntilMs }];
  });
  ranked.sort((a, b) => a.rank - b.rank || a.untilMs - b.untilMs || a.index - b.index);
  return ranked.map(({ index }) => index);
}

/** When an answer is late enough to ask another endpoint too: later than 19 of 20 of its answers come. */
export function hedgeDelayMs({ latenciesMs }: EndpointHealth): number {
  if (latenciesMs.length < KNOWN_AFTER) return DEFAULT_HEDGE_MS;
  const usual = percentile(latenciesMs, 0.95);
  return Math.min(LONGEST_HEDGE_MS, Math.max(SHORTEST_HEDGE_MS, usual));
}

/** Undefined as long as nothing was answered. */
export function medianLatencyMs({ latenciesMs }: EndpointHealth): number | undefined {
  return latenciesMs.length === 0 ? undefined : percentile(latenciesMs, 0.5);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
