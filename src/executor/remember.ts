/**
 * Stage 4, remember: what was signed before decides what may be signed now, and what is signed is stored before
 * anybody sees it. An operator never signs two outputs for one task.
 */
import type { Hash32 } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import type { AnswerKey, StoredAnswer } from '../store/executor-records.js';
import type { ExecutorStore } from '../store/executor-store.js';
import type { Admitted } from './admit.js';
import type { Answer } from './answer.js';
import type { Submission } from './submission.js';

/** What to do with a submission whose task may have been answered. */
export type Recall =
  | { readonly action: 'run' }
  | { readonly action: 'repeat'; readonly answer: Answer }
  | { readonly action: 'sign-anew'; readonly output: Uint8Array };

/**
 * Judges a submission by what is known of its task: the same reference timestamp gets the very same bytes, another
 * one (a task that was re-mined after a reorg keeps its id) the same output signed anew.
 * @throws PonosError REQUEST_CONFLICT for another payload; OUTPUT_GONE when only the commitment is left: another run
 * could give another output
 */
export function recall(
  known: Pick<StoredAnswer, 'payloadHash' | 'output' | 'signatures'> | undefined,
  asked: { readonly payloadHash: Hash32; readonly referenceTimestamp: number },
): Recall {
  if (!known) return { action: 'run' };
  if (known.payloadHash !== asked.payloadHash) throw payloadConflict();
  const { output } = known;
  if (output === undefined) {
    throw new PonosError('OUTPUT_GONE', {
      message: 'this task was answered before, and its output is no longer kept',
      advice: 'Raise retention.taskDays when answers are still asked for after that time.',
    });
  }
  const signatures = known.signatures.get(asked.referenceTimestamp);
  return signatures
    ? { action: 'repeat', answer: { output, ...signatures } }
    : { action: 'sign-anew', output };
}

/** The refusal of a second payload for a task. */
export function payloadConflict(): PonosError {
  return new PonosError('REQUEST_CONFLICT', {
    message: 'this task was submitted before with another payload',
    advice: 'Send the payload that the mailbox holds.',
  });
}

export interface RememberOptions {
  readonly store: Pick<ExecutorStore, 'saveAnswer'>;
  readonly nowMs: number;
  /** Time of a task whose deadline cannot be seen. */
  readonly maxTaskSeconds: number;
}

/**
 * Stores an answer; when this resolves it outlives a crash.
 * @returns the answer to give: the one stored before, should there be one after all
 * @throws PonosError REQUEST_CONFLICT, STORE_CORRUPT, STORE_UNAVAILABLE: nothing may be answered then
 */
export async function remember(
  { submission, found }: Pick<Admitted, 'submission' | 'found'>,
  payloadHash: Hash32,
  answer: Answer,
  options: RememberOptions,
): Promise<Answer> {
  const { referenceTimestamp } = submission;
  const stored = await options.store.saveAnswer(answerKeyOf(submission), {
    ...answer,
    payloadHash,
    referenceTimestamp,
    createdAtMs: options.nowMs,
    deadlineSeconds: found?.task.deadlineSeconds ?? Math.ceil(options.nowMs / 1_000) + options.maxTaskSeconds,
  });
  const given = stored.signatures.get(referenceTimestamp);
  if (!given) throw new PonosError('INTERNAL', { message: 'an answer that was stored is not in the store' });
  return { output: stored.output, ...given };
}

/** The store's key of a submission's task. */
export function answerKeyOf({ operatorSet, taskId }: Pick<Submission, 'operatorSet' | 'taskId'>): AnswerKey {
  return { avs: operatorSet.avs, operatorSetId: operatorSet.id, taskId };
}
