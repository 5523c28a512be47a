/** Answers of an earlier run of a task, which executors may not be willing to give twice. */
import type { Hash32 } from '../base/brands.js';
import type { Logger } from '../base/logger.js';
import type { KeptAnswer } from '../store/aggregator-records.js';
import type { Collector } from './collect.js';
import type { TaskPlan } from './task-plan.js';

export interface RestoreOptions {
  readonly plan: TaskPlan;
  readonly collector: Pick<Collector, 'restore'>;
  readonly stored: readonly KeptAnswer[];
  /** Undefined for an output that is not kept any more. */
  readonly output: (outputHash: Hash32) => Promise<Uint8Array | undefined>;
  readonly logger: Logger;
}

/** Of the table only; what does not count any more is told. @throws as `output` and the collector do */
export async function restoreAnswers(options: RestoreOptions): Promise<void> {
  const { plan, collector, stored, output, logger } = options;
  const operators = new Map(plan.operators.map((planned) => [planned.operator, planned]));
  // One output after the other: hostile executors may have given as many as they are, each as long as is allowed.
  for (const outputHash of new Set(stored.map((answer) => answer.outputHash))) {
    const same = stored.filter((answer) => answer.outputHash === outputHash);
    const bytes = await output(outputHash);
    // Swept when the task was over, before a deep reorg brought it back; or damaged, and mended away. Those who gave it
    // are asked again.
    if (bytes === undefined) continue;
    await Promise.all(
      same.map(async (answer) => {
        const operator = operators.get(answer.operator);
        const rejection =
          operator && (await collector.restore(operator, { ...answer, output: bytes }, outputHash));
        if (rejection === undefined) return;
        const { reason } = rejection;
        logger.warn('a stored answer does not count any more', { operator: answer.operator, reason });
      }),
    );
  }
}
