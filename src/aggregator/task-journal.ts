/** What is stored, logged and counted of one task while it is worked on, and when it ends. */
import { formatEther } from 'ethers';
import { type Address, blockNumber, type Hash32 } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { explain, isPonosError } from '../base/error.js';
import type { LogFields, Logger } from '../base/logger.js';
import type { StoredTask, TaskChange } from '../store/aggregator-records.js';
import type { AggregatorStore } from '../store/aggregator-store.js';
import type { ChainContext } from './chain-context.js';
import type { Rejection } from './collect.js';
import { reasonsOf } from './hopeless.js';
import { isReorged } from './reorged.js';
import { newsReporter, retryUntil } from './retry-until.js';
import type { SubmitOutcome } from './submit.js';
import { taskName } from './task-plan.js';
import type { OperatorOutcome, TaskEnd, TaskStep, TaskTracker } from './tracker.js';

/** The last thing known of an operator whose response counts. */
const COUNTED = 'counted';
/** Steps at which operators are waited for. */
const GATHERING: ReadonlySet<TaskStep> = new Set(['sent', 'answered']);

export interface TaskJournalOptions {
  readonly task: StoredTask;
  readonly chain: Pick<ChainContext, 'time'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Pick<AggregatorStore, 'updateTask'>;
  readonly tracker: TaskTracker;
}

export class TaskJournal {
  /** Names the task in every line. */
  readonly logger: Logger;
  readonly #options: TaskJournalOptions;
  readonly #name: string;

  constructor(options: TaskJournalOptions) {
    const { task, logger } = options;
    this.#options = options;
    this.#name = taskName(task);
    this.logger = logger.child({ taskId: task.taskId, chainId: task.chainId, avs: task.avs });
  }

  seen(): void {
    this.#options.tracker.reach(this.#name, 'seen');
  }

  reach(step: TaskStep, fields: Readonly<Record<string, unknown>>): void {
    this.#options.tracker.reach(this.#name, step);
    this.logger.info(`task ${step}`, fields);
  }

  counted(operator: Address): void {
    this.#options.tracker.reach(this.#name, 'answered');
    this.#note(operator, 'counted', COUNTED);
    this.logger.debug('a response counts', { operator });
  }

  dropped(operator: Address, { kind, reason }: Rejection): void {
    this.#note(operator, kind, reason);
    this.#log(operator, kind, 'a response was dropped', { reason });
  }

  /** @param final when the operator is not asked again */
  callFailed(operator: Address, reason: string, final: boolean): void {
    const isNews = this.#options.tracker.stories.get(this.#name)?.operators.get(operator) !== reason;
    this.#note(operator, 'call failed', reason);
    if (final) this.#log(operator, 'call failed', 'an executor refuses the task', { reason });
    else if (isNews) {
      this.#log(operator, 'call failed', 'an executor cannot be asked now, trying again', { reason });
    } else this.logger.debug('an executor cannot be asked yet', { operator, reason });
  }

  /** The operator's answer counted, for another output than the one that won. */
  disagreed(operator: Address, messageHash: Hash32): void {
    this.#note(operator, 'another output', `signed another output (${messageHash})`);
    const message = 'an operator signed another output than the winning one';
    this.#log(operator, 'another output', message, { messageHash });
  }

  async settled(outcome: SubmitOutcome, stop: AbortSignal): Promise<void> {
    const sent = outcome.kind === 'verified' ? { transactionHash: outcome.transaction.hash } : {};
    // Not the head itself: another endpoint may have told of the result a block ahead of it.
    const settledAtBlock = blockNumber(this.#options.chain.time.head.number + 1);
    await this.change({ status: 'completed', settledAtBlock, ...sent }, stop);
    const tookMs = this.#end(outcome.kind);
    if (outcome.kind === 'verified') {
      const { hash, gasUsed, costWei } = outcome.transaction;
      const costEth = costWei === undefined ? undefined : formatEther(costWei);
      this.logger.info('task verified', { transaction: hash, gasUsed, costEth, tookMs });
    } else this.logger.info('task completed: its result was on chain already', { tookMs });
  }

  async failed(error: unknown, stop: AbortSignal): Promise<void> {
    const story = this.#options.tracker.stories.get(this.#name);
    const [lastStep, operators] = [story?.step, [...(story?.operators ?? [])]];
    const reason = explain(error);
    const stored = [reason, ...this.#forWantOf(error), `(after: ${lastStep ?? 'seen'})`].join(' ');
    // Stored as long as there is a store and nobody stops us: a task must not be lost in silence.
    await this.change({ status: 'failed', reason: stored }, stop).catch((failure: unknown) =>
      this.logger.error('what became of a task cannot be stored', { error: failure }),
    );
    this.#end('failed');
    const log = isPonosError(error) && error.kind !== 'bug' ? this.logger.warn : this.logger.error;
    log('task failed', {
      reason,
      lastStep,
      operators: operators.map(([operator, what]) => `${operator}: ${what}`),
    });
  }

  interrupted(stop: AbortSignal): void {
    const isReorg = isReorged(stop.reason);
    this.#end(isReorg ? 'reorged' : 'interrupted');
    if (isReorg) this.logger.warn('task cancelled: its block is no longer on the chain');
    else this.logger.info('task interrupted; it is taken up again at the next start');
  }

  /** Stores what has changed; tries until it can or the signal aborts. */
  change(change: Omit<TaskChange, 'updatedAtMs'>, signal: AbortSignal): Promise<unknown> {
    const { store, task, clock } = this.#options;
    return this.persistently('the task cannot be stored now', signal, () =>
      store.updateTask(task, { ...change, updatedAtMs: clock.nowMs() }),
    );
  }

  /** Tries again for as long as time can help, and tells of it. @throws as `retryUntil` does */
  persistently<T>(problem: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    const onRetry = newsReporter(this.logger, `${problem}, trying again`);
    return retryUntil(attempt, { clock: this.#options.clock, signal, onRetry });
  }

  #note(operator: Address, outcome: OperatorOutcome, what: string): void {
    this.#options.tracker.operator(this.#name, operator, outcome, what);
  }

  /** Why too few had answered when the deadline passed: those who might have been asked again until then. */
  #forWantOf(error: unknown): string[] {
    const { step = 'seen', operators = [] } = this.#options.tracker.stories.get(this.#name) ?? {};
    const missing = new Map([...operators].filter(([, what]) => what !== COUNTED));
    const isForWant = isPonosError(error, 'TASK_EXPIRED') && GATHERING.has(step) && missing.size > 0;
    return isForWant ? [`(${reasonsOf(missing)})`] : [];
  }

  /** One operator that fails in every task is not worth a warning in each. */
  #log(operator: Address, outcome: OperatorOutcome, message: string, fields: LogFields): void {
    this.logger[this.#options.tracker.levelOf(operator, outcome)](message, { operator, ...fields });
  }

  /** @returns milliseconds since the task was first seen by this process */
  #end(end: TaskEnd): number {
    const { tracker, clock } = this.#options;
    const { reachedAtMs } = tracker.end(this.#name, end);
    const nowMs = clock.monotonicMs();
    return Math.round(nowMs - (reachedAtMs.get('seen') ?? nowMs));
  }
}
