/** A second endpoint is asked when the first is late; the first good answer wins, and the other request is given up. */
import type { Clock } from '../base/clock.js';

/** What came of asking one endpoint. `failed`: another may do better. */
export type AskOutcome<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'final'; readonly error: unknown }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Asks one endpoint; never rejects. */
export type Ask<T> = (signal: AbortSignal) => Promise<AskOutcome<T>>;

export interface HedgeOptions {
  readonly delayMs: number;
  readonly clock: Clock;
  /** Whether the second may be asked, when it comes to that. */
  readonly mayHedge: () => boolean;
}

export interface HedgeResult<T> {
  readonly outcome: AskOutcome<T>;
  readonly asked: 'first' | 'both';
  /** Whether the first was given up because the second was sooner. */
  readonly isOvertaken: boolean;
}

export async function hedge<T>(
  first: Ask<T>,
  second: Ask<T>,
  options: HedgeOptions,
): Promise<HedgeResult<T>> {
  const giveUpFirst = new AbortController();
  const one = first(giveUpFirst.signal);
  if (!(await isLate(one, options)) || !options.mayHedge()) {
    return { outcome: await one, asked: 'first', isOvertaken: false };
  }
  const giveUpSecond = new AbortController();
  const two = second(giveUpSecond.signal);
  const sooner = await Promise.race([
    one.then((outcome) => ({ outcome, isFirst: true })),
    two.then((outcome) => ({ outcome, isFirst: false })),
  ]);
  if (sooner.outcome.kind === 'failed') {
    const other = await (sooner.isFirst ? two : one);
    // Of two failures the first one's is told.
    return { outcome: other.kind === 'failed' ? await one : other, asked: 'both', isOvertaken: false };
  }
  (sooner.isFirst ? giveUpSecond : giveUpFirst).abort();
  return { outcome: sooner.outcome, asked: 'both', isOvertaken: !sooner.isFirst };
}

async function isLate(answer: Promise<unknown>, { clock, delayMs }: HedgeOptions): Promise<boolean> {
  const answered = new AbortController();
  const late = clock.sleep(delayMs, answered.signal).then(
    () => true,
    () => false, // the answer was there first
  );
  const isLate = await Promise.race([answer.then(() => false), late]);
  answered.abort();
  return isLate;
}

/** Further requests per request, in the long run: what late answers may cost. */
const SHARE = 0.1;
/** Saved up for when an endpoint stops answering. */
const MOST_SAVED = 10;

/** Bounds the load that asking twice adds. */
export class HedgeBudget {
  #saved = MOST_SAVED;

  /** One more request is made anyway. */
  earn(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + SHARE);
  }

  /** Whether one more may be made on top. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved -= 1;
    return true;
  }
}
