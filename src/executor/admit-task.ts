/**
 * Check 6 of admission: the mailbox knows this task. A submission names no chain, so every configured chain is
 * asked; an aggregator that invents tasks, or alters their payload, gets no signature.
 */
import { type Address, type ChainId, operatorSetKey, type TaskId } from '../base/brands.js';
import { equalBytes } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { CurveName } from '../crypto/curve.js';
import type { Submission } from './submission.js';

/** A task as its mailbox holds it. */
export interface MailboxTask {
  readonly avs: Address;
  readonly operatorSetId: number;
  readonly referenceTimestamp: number;
  readonly payload: Uint8Array;
  /** Chain time at which no result is accepted any more: creation plus SLA. */
  readonly deadlineSeconds: number;
  /** Chain time of the head as of which the task was read. */
  readonly headSeconds: number;
}

/** A chain whose mailbox may hold tasks. */
export interface TaskChain {
  readonly chainId: ChainId;
  /** `ECDSACertificateVerifier` of this chain, whose address is in the digest of its certificates. */
  readonly ecdsaVerifier: Address;
  /** Curves whose digests the chain's verifier computes otherwise than this node, and how. */
  readonly refusedCurves: ReadonlyMap<CurveName, string>;
  /** The task at the head of the chain; undefined when its mailbox does not know it. */
  readTask(taskId: TaskId): Promise<MailboxTask | undefined>;
}

/** Where a task was found. */
export interface FoundTask {
  readonly chain: TaskChain;
  readonly task: MailboxTask;
  /** When it was read, by the monotonic clock, so that what is left of its time can be told later. */
  readonly readAtMs: number;
}

export interface TaskSightOptions {
  /** L1 first. */
  readonly taskChains: readonly TaskChain[];
  /** Chain ids of `CrossChainRegistry.getSupportedChains()`: where tasks can be at all. */
  readonly supportedChains: () => Promise<readonly ChainId[]>;
  readonly requireTaskOnChain: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An RPC node may lag behind the one that showed the task to the aggregator: three seconds in all. */
const RETRY_DELAYS_MS = [250, 500, 1_000, 1_250];

export class TaskSight {
  readonly #options: TaskSightOptions;
  /** Look-ups under way, shared by equal submissions that arrive together. */
  readonly #lookups = new Map<string, Promise<FoundTask | undefined>>();

  constructor(options: TaskSightOptions) {
    this.#options = options;
  }

  /**
   * @returns where the task is; undefined when no mailbox in sight has it and it may be elsewhere
   * @throws PonosError REQUEST_DENIED when it contradicts the submission, or is nowhere though it would be seen;
   *   CHAIN_UNREACHABLE, CHAIN_RPC when that cannot be told
   */
  async admit(submission: Submission): Promise<FoundTask | undefined> {
    const found = await this.#find(submission.taskId);
    if (found) {
      const contradiction = contradicts(submission, found.task);
      if (contradiction === undefined) return found;
      throw new PonosError('REQUEST_DENIED', {
        message: `the mailbox knows the task with another ${contradiction}`,
        facts: { taskId: submission.taskId, chainId: found.chain.chainId },
      });
    }
    await this.#checkMayBeElsewhere(submission);
    this.#options.logger.warn(
      'no mailbox in sight knows the task; accepted, for it may be on another chain',
      {
        taskId: submission.taskId,
        operatorSet: operatorSetKey(submission.operatorSet),
      },
    );
    return undefined;
  }

  #find(taskId: TaskId): Promise<FoundTask | undefined> {
    const running = this.#lookups.get(taskId);
    if (running) return running;
    const lookup = this.#lookUp(taskId).finally(() => this.#lookups.delete(taskId));
    this.#lookups.set(taskId, lookup);
    return lookup;
  }

  async #lookUp(taskId: TaskId): Promise<FoundTask | undefined> {
    const { clock, taskChains: chains } = this.#options;
    for (const delayMs of [...RETRY_DELAYS_MS, undefined]) {
      const answer = await firstKnown(chains, taskId);
      if ('task' in answer) return { ...answer, readAtMs: clock.monotonicMs() };
      if (delayMs !== undefined) await clock.sleep(delayMs);
      else if (answer.failure !== undefined) throw answer.failure;
    }
    return undefined;
  }

  async #checkMayBeElsewhere(submission: Submission): Promise<void> {
    const { taskChains: chains, requireTaskOnChain, supportedChains } = this.#options;
    const seen = new Set<number>(chains.map((chain) => chain.chainId));
    const unseen = requireTaskOnChain
      ? []
      : (await supportedChains()).filter((chainId) => !seen.has(chainId));
    if (unseen.length > 0) return;
    throw new PonosError('REQUEST_DENIED', {
      message: 'no mailbox knows the task',
      facts: { taskId: submission.taskId, chains: [...seen].join(',') },
    });
  }
}

/**
 * The first chain that knows the task, without waiting for the others: one whose RPC hangs must not hold up the tasks
 * of the rest. When none knows it: what the first failed chain failed with, if one did.
 */
function firstKnown(
  chains: readonly TaskChain[],
  taskId: TaskId,
): Promise<Pick<FoundTask, 'chain' | 'task'> | { readonly failure: unknown }> {
  return new Promise((resolve) => {
    const asked = chains.map(async (chain) => {
      const task = await chain.readTask(taskId);
      if (task) resolve({ chain, task });
    });
    void Promise.allSettled(asked).then((outcomes) => {
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      resolve({ failure: failed?.reason });
    });
  });
}

/** The first fact in which a submission differs from the mailbox; undefined when there is none. */
export function contradicts(submission: Submission, task: MailboxTask): string | undefined {
  if (task.avs !== submission.operatorSet.avs) return 'AVS';
  if (task.operatorSetId !== submission.operatorSet.id) return 'operator set';
  if (task.referenceTimestamp !== submission.referenceTimestamp) return 'reference timestamp';
  if (!equalBytes(task.payload, submission.payload)) return 'payload';
  return undefined;
}
