/**
 * Retention: what was answered long ago leaves. The output goes first; what the operator has signed stays known for as
 * long as the task could be accepted again.
 */
import type { Clock } from '../base/clock.js';
import { isRetryable } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { AnsweredTask } from '../store/executor-records.js';
import type { ExecutorStore, Leaving } from '../store/executor-store.js';

export interface RetentionRules {
  /** Time that an output is kept after it was made. */
  readonly outputSeconds: number;
  /** The longest that a reorg can undo: until then a task may be created once more. */
  readonly reorgSeconds: number;
  /** Age of the oldest block that a submission may name. */
  readonly maxBlockAgeSeconds: number;
  /** The longest time that a task may have. */
  readonly longestTaskSeconds: number;
}

/** Blocks of L1 are the slowest of all chains that tasks are on. */
const SECONDS_PER_BLOCK = 12;
const DAY_SECONDS = 24 * 60 * 60;
/** Records of one page: a page is one read and at most one write. */
const PAGE = 500;
/** Records of one sweep: half a second of work. A larger store is swept in several, each going on where the last ended. */
const MOST_PER_SWEEP = 50_000;

export interface RetentionSettings {
  readonly taskDays: number;
  readonly maxTaskBlockAgeDays: number;
  /** Of all chains, in blocks. */
  readonly maxReorgDepths: readonly number[];
  /** `MAX_TASK_SLA` of every mailbox, and the limit for tasks that no mailbox in sight knows. */
  readonly taskSeconds: readonly number[];
}

export function retentionRules(settings: RetentionSettings): RetentionRules {
  return {
    outputSeconds: settings.taskDays * DAY_SECONDS,
    reorgSeconds: Math.max(...settings.maxReorgDepths) * SECONDS_PER_BLOCK,
    maxBlockAgeSeconds: settings.maxTaskBlockAgeDays * DAY_SECONDS,
    longestTaskSeconds: Math.max(...settings.taskSeconds),
  };
}

/** What of an answered task is to go at this time. */
export function leaving(task: AnsweredTask, nowSeconds: number, rules: RetentionRules): Leaving {
  const { reorgSeconds, longestTaskSeconds, maxBlockAgeSeconds } = rules;
  const outputEnds = Math.max(
    task.createdAtMs / 1_000 + rules.outputSeconds,
    task.deadlineSeconds + reorgSeconds,
  );
  if (nowSeconds < outputEnds) return 'nothing';
  const acceptanceEnds = task.deadlineSeconds + maxBlockAgeSeconds + longestTaskSeconds + reorgSeconds;
  if (nowSeconds >= acceptanceEnds) return 'everything';
  return task.isOutputKept ? 'output' : 'nothing';
}

export interface RetentionOptions {
  readonly store: Pick<ExecutorStore, 'sweep'>;
  readonly rules: RetentionRules;
  readonly sweepSeconds: number;
  /** The time that no chain is behind of, as far as is known. @throws PonosError when it cannot be told */
  readonly nowSeconds: () => Promise<number>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Sweeps every `sweepSeconds`; resolves when the signal aborts, after the page that is under way. */
export async function runRetention(options: RetentionOptions, signal: AbortSignal): Promise<void> {
  const { clock, sweepSeconds, logger } = options;
  let after: string | undefined;
  for (;;) {
    await clock.sleep(sweepSeconds * 1_000, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      after = await sweep(options, after, signal);
    } catch (error) {
      // Nothing is lost by keeping things longer; who owns the store or the chain reports what ails it.
      if (isRetryable(error)) logger.debug('no sweep for now', { error });
      else logger.error('old answers could not be swept', { error });
    }
  }
}

/** @returns where the next sweep begins */
async function sweep(
  { store, rules, nowSeconds, logger }: RetentionOptions,
  begin: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const now = await nowSeconds();
  let after = begin;
  let outputs = 0;
  let records = 0;
  for (let seen = 0; seen < MOST_PER_SWEEP && !signal.aborted; seen += PAGE) {
    const page = await store.sweep({ after, limit: PAGE, judge: (task) => leaving(task, now, rules) });
    after = page.next;
    outputs += page.outputs;
    records += page.records;
    for (const error of page.damaged)
      logger.error('the record of an answered task cannot be read', { error });
    if (after === undefined) break;
  }
  if (outputs + records > 0) logger.info('old answers were removed', { outputs, records });
  return after;
}
