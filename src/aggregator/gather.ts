/**
 * Distribute and collect, together: asks every operator and takes their answers until one group of them
 * may be submitted, or until none can be any more.
 */
import { setMaxListeners } from 'node:events';
import type { Address } from '../base/brands.js';
import { abortError, type Clock, throwIfAborted } from '../base/clock.js';
import { explain, PonosError } from '../base/error.js';
import { createOutcome } from '../base/outcome.js';
import type { NonePolicy, ResponseGroup } from '../protocol/tally.js';
import { votingWeight } from '../protocol/threshold.js';
import type { TaskResult } from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { ChainTime } from './chain-time.js';
import { type Collector, canStillWin, type Rejection } from './collect.js';
import { type DistributeOptions, distribute } from './distribute.js';
import { whyHopeless } from './hopeless.js';
import { collectingEndsAtSeconds, type PlannedOperator, type TaskPlan } from './task-plan.js';

export interface GatherOptions {
  readonly plan: TaskPlan;
  readonly collector: Collector;
  readonly nonePolicy: NonePolicy;
  /** Absent: the first winner is certified at once. */
  readonly quorumWindow: QuorumWindow | undefined;
  readonly chainTime: Pick<ChainTime, 'until'>;
  readonly distribution: Omit<DistributeOptions, 'plan' | 'operators' | 'onResult' | 'onFailure'>;
  readonly report: GatherReport;
}

/** Going on to collect once there is a winner, for a certificate with fewer witnesses to pay for. */
export interface QuorumWindow {
  readonly lengthMs: number;
  /** Of these operators the indexes whose witness is paid for already; whoever cannot be asked about is not. */
  readonly cached: (nonSigners: readonly PlannedOperator[]) => Promise<ReadonlySet<number>>;
}

/** What happens on the way, for logs and statistics. */
export interface GatherReport {
  counted(operator: PlannedOperator): void;
  /** The operator's response does not count. */
  dropped(operator: PlannedOperator, rejection: Rejection): void;
  /** A call failed; `final` when the operator is not asked again. */
  callFailed(operator: PlannedOperator, reason: string, final: boolean): void;
}

/**
 * The group of answers to certify. When it resolves or rejects, no call is under way any more.
 * @throws PonosError TASK_REFUSED when no group can win any more, naming each operator's reason; the
 *   signal's reason when it aborts
 */
export async function gather(options: GatherOptions, signal: AbortSignal): Promise<ResponseGroup> {
  const calls = new AbortController();
  const all = AbortSignal.any([signal, calls.signal]);
  // One listener per operator and pause is what a table of hundreds needs; Node would call ten a leak.
  setMaxListeners(0, all);
  const gathering = new Gathering(options);
  const lastFifth = options.chainTime.until(collectingEndsAtSeconds(options.plan), all).then(
    () => gathering.endCollecting(),
    () => undefined, // the gathering is over
  );
  const asking = askAll(options, gathering, all);
  const onAbort = () => gathering.fail(abortError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    throwIfAborted(signal);
    gathering.judge();
    const winner = await gathering.winner;
    if (options.quorumWindow === undefined) return winner;
    const window = keepOpen(options.quorumWindow, options.distribution.clock, all);
    await Promise.race([window.closed, lastFifth, gathering.nobodyToSpare(options.quorumWindow, winner)]);
    await window.close();
    throwIfAborted(signal);
    return gathering.currentWinner() ?? winner;
  } finally {
    signal.removeEventListener('abort', onAbort);
    calls.abort();
    await Promise.all([asking, lastFifth]);
  }
}

/** Never rejects: what goes wrong is told to the gathering. */
async function askAll(options: GatherOptions, gathering: Gathering, signal: AbortSignal): Promise<void> {
  const { plan, collector } = options;
  try {
    await distribute(
      {
        ...options.distribution,
        plan,
        operators: plan.operators.filter(({ operator }) => !collector.counted.has(operator)),
        onResult: (operator, result) => gathering.receive(operator, result),
        onFailure: (operator, { reason, final }) => gathering.callFailed(operator, reason, final),
      },
      signal,
    );
  } catch (error) {
    gathering.fail(error);
  }
}

function keepOpen({ lengthMs }: QuorumWindow, clock: Clock, signal: AbortSignal) {
  const over = new AbortController();
  const closed = clock.sleep(lengthMs, AbortSignal.any([signal, over.signal])).catch(() => undefined); // ended before
  return {
    closed,
    close: () => {
      over.abort();
      return closed;
    },
  };
}

/** Who has answered, who will not, and whether that is enough. */
class Gathering {
  readonly #winner = createOutcome<ResponseGroup>();
  readonly #options: GatherOptions;
  readonly #silent = new Map<Address, string>();
  #collectingEnds = false;
  /** Called when somebody has answered or will not any more. */
  #onNews: () => void = () => undefined;

  constructor(options: GatherOptions) {
    this.#options = options;
  }

  /** The first group that may be submitted. @throws PonosError TASK_REFUSED when none can be any more, and as `fail` is told */
  get winner(): Promise<ResponseGroup> {
    return this.#winner.promise;
  }

  async receive(operator: PlannedOperator, result: TaskResult): Promise<void> {
    const { collector, report } = this.#options;
    const rejection = await collector
      .accept(operator, result)
      .catch((error: unknown): Rejection => ({ kind: 'not kept', reason: explain(error) }));
    if (rejection === undefined) {
      report.counted(operator);
    } else {
      report.dropped(operator, rejection);
      this.#silent.set(operator.operator, rejection.reason);
    }
    this.judge();
  }

  callFailed(operator: PlannedOperator, reason: string, final: boolean): void {
    this.#options.report.callFailed(operator, reason, final);
    if (!final) return;
    this.#silent.set(operator.operator, reason);
    this.judge();
  }

  endCollecting(): void {
    this.#collectingEnds = true;
    this.judge();
  }

  fail(error: unknown): void {
    this.#winner.reject(error);
  }

  currentWinner(): ResponseGroup | undefined {
    return this.#options.collector.tally(this.#silent.size, this.#collectingEnds).winner;
  }

  /** Resolves when nobody is left who could still sign with the winner and whose witness would have to be paid for. */
  async nobodyToSpare(window: QuorumWindow, winner: ResponseGroup): Promise<void> {
    const { plan, collector } = this.#options;
    const signers = new Set(winner.operatorIndexes);
    // Also those who are not waited for: the estimate of the certificate's gas wants to know.
    const nonSigners = plan.operators.filter(({ index }) => !signers.has(index));
    const cached = nonSigners.length === 0 ? new Set<number>() : await window.cached(nonSigners);
    const waitedFor = this.#outstanding().filter(({ index }) => !cached.has(index));
    const left = () =>
      waitedFor.some(({ operator }) => !collector.counted.has(operator) && !this.#silent.has(operator));
    await new Promise<void>((resolve) => {
      this.#onNews = () => {
        if (!left()) resolve();
      };
      this.#onNews();
    });
  }

  /** Operators who may still answer. */
  #outstanding(): PlannedOperator[] {
    const { collector, plan } = this.#options;
    return plan.operators.filter(
      ({ operator }) => !collector.counted.has(operator) && !this.#silent.has(operator),
    );
  }

  /** Settles `winner` when the answers so far decide it. */
  judge(): void {
    this.#onNews();
    const { collector, plan, nonePolicy } = this.#options;
    const { winner, groups } = collector.tally(this.#silent.size, this.#collectingEnds);
    if (winner !== undefined) {
      this.#winner.resolve(winner);
      return;
    }
    const outstanding = this.#outstanding();
    const weight = outstanding.reduce((sum, { weights }) => sum + votingWeight(weights), 0n);
    const heaviest = groups[0]?.weight;
    if (canStillWin(plan, nonePolicy, heaviest, { count: outstanding.length, weight })) return;
    const message = whyHopeless(plan, nonePolicy, groups, this.#silent);
    this.#winner.reject(new PonosError('TASK_REFUSED', { message }));
  }
}
