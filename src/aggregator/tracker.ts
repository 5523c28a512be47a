/** The story of each task while it is worked on: how far it got, and why it ended as it did. */
import type { Address } from '../base/brands.js';
import type { Clock } from '../base/clock.js';
import { SeldomWarnings } from '../base/seldom-warnings.js';
import type { Rejection } from './collect.js';

/** In the order in which a task passes them. */
const TASK_STEPS = ['seen', 'taken', 'sent', 'answered', 'threshold met', 'submitted', 'verified'] as const;
export type TaskStep = (typeof TASK_STEPS)[number];

/** How a task ended: `completed elsewhere` when somebody else's result was verified. */
export type TaskEnd = 'verified' | 'completed elsewhere' | 'failed' | 'reorged' | 'interrupted';

/** What became of asking an operator: its response counted, was dropped, or never came; `another output` lost. */
export type OperatorOutcome = 'counted' | 'another output' | Rejection['kind'] | 'call failed';

export interface TaskStory {
  /** The step it has reached. */
  readonly step: TaskStep;
  /** When each step was reached, by `monotonicMs` of the clock. */
  readonly reachedAtMs: ReadonlyMap<TaskStep, number>;
  /** The last thing known of each operator: counted, or the reason of its last failure. */
  readonly operators: ReadonlyMap<Address, string>;
}

interface Story {
  step: TaskStep;
  readonly reachedAtMs: Map<TaskStep, number>;
  readonly operators: Map<Address, string>;
}

/** Totals since the start; failures by the step they had reached. */
export interface TaskTotals {
  readonly ended: ReadonlyMap<TaskEnd, number>;
  readonly failedAfter: ReadonlyMap<TaskStep, number>;
  /** By operator, each attempt to call it included; operators of the tables of tasks, and nobody else. */
  readonly operators: ReadonlyMap<Address, ReadonlyMap<OperatorOutcome, number>>;
}

export class TaskTracker {
  readonly #stories = new Map<string, Story>();
  readonly #ended = new Map<TaskEnd, number>();
  readonly #failedAfter = new Map<TaskStep, number>();
  readonly #operators = new Map<Address, Map<OperatorOutcome, number>>();
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #warnings: SeldomWarnings<`${Address} ${OperatorOutcome}`>;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#warnings = new SeldomWarnings(clock);
  }

  /** Notes that a task has reached a step. A step behind the one it has reached does not take it back. */
  reach(key: string, step: TaskStep): void {
    const story = this.#story(key);
    if (!story.reachedAtMs.has(step)) story.reachedAtMs.set(step, this.#clock.monotonicMs());
    if (TASK_STEPS.indexOf(step) > TASK_STEPS.indexOf(story.step)) story.step = step;
  }

  /** Counts what became of asking an operator. @param what the last thing known of it, in words */
  operator(key: string, operator: Address, outcome: OperatorOutcome, what: string): void {
    this.#story(key).operators.set(operator, what);
    const counts = this.#operators.get(operator) ?? new Map<OperatorOutcome, number>();
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    this.#operators.set(operator, counts);
  }

  /** How loud to tell of it: an operator that fails for hours fails in every task, and is a warning in few of them. */
  levelOf(operator: Address, outcome: OperatorOutcome): 'warn' | 'info' {
    return this.#warnings.levelOf(`${operator} ${outcome}`);
  }

  /** Ends a task's story, counts it, and forgets it. */
  end(key: string, end: TaskEnd): TaskStory {
    const story = this.#story(key);
    this.#stories.delete(key);
    this.#ended.set(end, (this.#ended.get(end) ?? 0) + 1);
    if (end === 'failed') this.#failedAfter.set(story.step, (this.#failedAfter.get(story.step) ?? 0) + 1);
    return story;
  }

  /** Tasks being worked on or waiting. */
  get stories(): ReadonlyMap<string, TaskStory> {
    return this.#stories;
  }

  get totals(): TaskTotals {
    return { ended: this.#ended, failedAfter: this.#failedAfter, operators: this.#operators };
  }

  #story(key: string): Story {
    const story: Story = this.#stories.get(key) ?? {
      step: 'seen',
      reachedAtMs: new Map(),
      operators: new Map(),
    };
    this.#stories.set(key, story);
    return story;
  }
}
