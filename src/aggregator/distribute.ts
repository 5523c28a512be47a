/**
 * Distributing: every operator of the table is asked at once, and asked again while that can help.
 * A call lasts until the executor answers or the task ends; no shorter deadline cuts a slow performer.
 */
import { ClientError, Status } from 'nice-grpc-common';
import type { Address } from '../base/brands.js';
import { type Clock, throwIfAborted, untilAborted } from '../base/clock.js';
import { explain, isPonosError } from '../base/error.js';
import { pauseMsAfter } from '../base/growing-pause.js';
import { canPass } from '../chain/rpc-error.js';
import { SUBMISSION_VERSION, submissionMessages } from '../protocol/submission.js';
import { callDetails } from '../rpc/call-details.js';
import type { ExecutorClient } from '../rpc/channel-pool.js';
import type {
  TaskResult,
  TaskSubmission,
} from '../rpc/generated/eigenlayer/hourglass/v1/executor/executor.js';
import type { PlannedOperator, TaskPlan } from './task-plan.js';

export interface DistributeOptions {
  readonly plan: TaskPlan;
  /** Whom to ask; those whose answer is stored already are not. */
  readonly operators: readonly PlannedOperator[];
  /** This aggregator's operator address. */
  readonly aggregator: Address;
  /** Signs with the key of the aggregator's operator set. */
  readonly sign: (message: Uint8Array) => Promise<Uint8Array>;
  /** The client of where the operator is, as far as that is known; asked for before every attempt. */
  readonly connect: (operator: PlannedOperator) => Promise<ExecutorClient>;
  /** After a failed call: looks anew where the operator is, and says whether that is somewhere else. */
  readonly hasMoved: (operator: PlannedOperator) => Promise<boolean>;
  readonly clock: Clock;
  /** An operator has answered; its response is not judged yet. */
  readonly onResult: (operator: PlannedOperator, result: TaskResult) => Promise<void>;
  /** A call failed; `final` when the operator is not asked again. */
  readonly onFailure: (operator: PlannedOperator, failure: CallFailure) => void;
}

export interface CallFailure {
  readonly reason: string;
  readonly final: boolean;
}

/** Pauses between attempts; the last one repeats until the task ends. */
const RETRY_DELAYS_MS = [250, 500, 1_000, 2_000, 5_000] as const;

/** What a Go peer would retry too: the executor restarts, is busy, or lost its connection. */
const RETRIED_STATUS: ReadonlySet<Status> = new Set([
  Status.UNAVAILABLE,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
  Status.INTERNAL,
  Status.UNKNOWN,
  Status.CANCELLED,
]);

/** Whether asking again can help. */
export function classifyFailure(error: unknown): CallFailure {
  if (error instanceof ClientError) {
    const reason = `${Status[error.code]}: ${callDetails(error.details).slice(0, 300)}`;
    // Our own receiver says so when a reply is over the limit, as sent or unpacked: it would be again.
    const tooLong = error.code === Status.RESOURCE_EXHAUSTED && /larger than/.test(error.details);
    return { reason, final: tooLong || !RETRIED_STATUS.has(error.code) };
  }
  // Neither a status nor ours: the library's complaint about a reply that it cannot make sense of.
  if (!isPonosError(error)) return { reason: `the reply cannot be read (${explain(error)})`, final: true };
  return { reason: explain(error), final: !canPass(error) };
}

/**
 * Asks all operators and resolves when each has answered or failed for good.
 * @throws PonosError ABORTED (or the signal's own reason) when the signal aborts before that
 */
export async function distribute(options: DistributeOptions, signal: AbortSignal): Promise<void> {
  const submissionTo = signedSubmissions(options);
  const outcomes = await Promise.allSettled(
    options.operators.map((operator) => askOperator(options, operator, submissionTo, signal)),
  );
  throwIfAborted(signal);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function askOperator(
  options: DistributeOptions,
  operator: PlannedOperator,
  submissionTo: ReturnType<typeof signedSubmissions>,
  signal: AbortSignal,
): Promise<void> {
  let signed: TaskSubmission | undefined;
  // In the attempts, since a remote signer may be down for a while, too.
  const submission = async () => {
    signed ??= await submissionTo(operator.operator);
    return signed;
  };
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(signal);
    const result = await attemptCall(options, operator, submission, signal);
    if (!('reason' in result)) return options.onResult(operator, result);
    throwIfAborted(signal);
    // Whoever has the old socket now may refuse for good what the operator would not.
    const hasMoved = await untilAborted(options.hasMoved(operator), signal);
    const final = result.final && !hasMoved;
    options.onFailure(operator, { ...result, final });
    if (final) return;
    await options.clock.sleep(pauseMsAfter(attempt, RETRY_DELAYS_MS), signal);
  }
}

async function attemptCall(
  options: DistributeOptions,
  operator: PlannedOperator,
  submission: () => Promise<TaskSubmission>,
  signal: AbortSignal,
): Promise<TaskResult | CallFailure> {
  try {
    const signed = await untilAborted(submission(), signal);
    // Looking up where an operator is can take long, at the will of its name server: nobody waits for that.
    const client = await untilAborted(options.connect(operator), signal);
    return await client.submitTask(signed, { signal });
  } catch (error) {
    return classifyFailure(error);
  }
}

/** The executor's own address is part of what is signed, so each gets a signature of its own; all else is shared. */
function signedSubmissions({
  plan: { task, taskBlockNumber },
  aggregator,
  sign,
}: DistributeOptions): (executor: Address) => Promise<TaskSubmission> {
  const { taskId, avs, operatorSetId, referenceTimestamp, payload } = task;
  const fields = { taskId, avs, operatorSetId, referenceTimestamp, taskBlockNumber, payload };
  const messageTo = submissionMessages(fields);
  const shared = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return async (executor) => ({
    taskId,
    aggregatorAddress: aggregator,
    avsAddress: avs,
    payload: shared,
    signature: Buffer.from(await sign(messageTo(executor))),
    operatorSetId,
    referenceTimestamp,
    executorAddress: executor,
    taskBlockNumber,
    version: SUBMISSION_VERSION,
  });
}
