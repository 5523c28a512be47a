/**
 * Submitting: one transaction with the certificate, sent only after it was simulated, and settled only
 * by what the mailbox says. Everything here can be done twice: a task that is verified already is done.
 */
import { throwIfAborted } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import { revertName } from '../chain/contracts/errors.js';
import { TaskStatus } from '../protocol/enums.js';
import type { ChainTime } from './chain-time.js';

export interface SubmitOptions {
  readonly createdAtSeconds: number;
  readonly chainTime: ChainTime;
  /** The mailbox' status of the task at the head. */
  readonly status: () => Promise<number>;
  /** Runs the transaction as a call at the head. @throws PonosError CONTRACT_REVERTED */
  readonly simulate: () => Promise<void>;
  /** Sends the transaction and waits until it is mined. */
  readonly send: (signal: AbortSignal) => Promise<MinedTransaction>;
  /** Called once for each new way in which the AVS's hook refuses the result. */
  readonly onHookRevert: (error: unknown) => void;
  /** The chain could not be asked; it is tried again at the next block. */
  readonly onRetry: (error: unknown) => void;
}

export interface MinedTransaction {
  readonly hash: string;
  /** False when it was mined and reverted. */
  readonly succeeded: boolean;
}

export type SubmitOutcome =
  | { readonly kind: 'verified'; readonly transactionHash: string }
  /** Somebody else's result was verified first. */
  | { readonly kind: 'completed elsewhere' };

/** What a reverted simulation means for the task. */
export type RevertMeaning = 'status' | 'too early' | 'permanent' | 'hook';

/** Reverts after which nothing is tried again are the contracts' own; what they do not declare is the AVS's hook. */
export function meaningOfRevert(error: unknown): RevertMeaning {
  const name = revertName(error);
  switch (name) {
    case 'InvalidTaskStatus':
      return 'status';
    case 'TimestampAtCreation':
      return 'too early';
    case undefined:
    case 'Error':
    case 'Panic':
      return 'hook';
    default:
      return 'permanent';
  }
}

/** Transactions that pass the simulation and revert when mined; more than this is no race any more. */
const MAX_REVERTED_TRANSACTIONS = 3;

/**
 * Submits until the task is settled.
 * @throws PonosError TASK_REFUSED when the contracts can never take the result, TASK_EXPIRED when the
 *   mailbox has closed the task, TRANSACTION_FAILED, and the signal's reason when it aborts; after a
 *   hook's refusals the deadline's error carries the last of them as its cause
 */
export async function submit(options: SubmitOptions, signal: AbortSignal): Promise<SubmitOutcome> {
  let hookRevert: unknown;
  let reverted = 0;
  try {
    for (;;) {
      throwIfAborted(signal);
      const { chainTime } = options;
      // The mailbox refuses a result in a block of the task's own time.
      while (chainTime.head.timestampSeconds <= options.createdAtSeconds) await chainTime.nextHead(signal);
      const simulation = await simulated(options);
      if (simulation === undefined) {
        const mined = await options.send(signal);
        if (mined.succeeded) return { kind: 'verified', transactionHash: mined.hash };
        if (await isVerified(options)) return { kind: 'completed elsewhere' };
        reverted += 1;
        if (reverted < MAX_REVERTED_TRANSACTIONS) continue;
        throw new PonosError('TRANSACTION_FAILED', {
          message: 'transactions with the result pass the simulation but revert when they are mined',
          facts: { transaction: mined.hash, attempts: reverted },
        });
      }
      const { error } = simulation;
      if (!isPonosError(error, 'CONTRACT_REVERTED')) {
        if (!isPonosError(error) || error.kind !== 'retryable') throw error;
        options.onRetry(error);
      } else {
        const meaning = meaningOfRevert(error);
        if (meaning === 'permanent') {
          throw new PonosError('TASK_REFUSED', {
            message: 'the contracts refuse the result',
            facts: { error: revertName(error) },
            cause: error,
          });
        }
        if (meaning === 'status' && (await isVerified(options))) return { kind: 'completed elsewhere' };
        if (meaning === 'hook') {
          if (hookRevert === undefined || explain(hookRevert) !== explain(error)) options.onHookRevert(error);
          hookRevert = error;
        }
      }
      await chainTime.nextHead(signal);
    }
  } catch (error) {
    if (hookRevert === undefined || !isPonosError(error, 'TASK_EXPIRED')) throw error;
    throw new PonosError('TASK_EXPIRED', {
      message: "the AVS's hook has refused the result until the deadline",
      cause: hookRevert,
    });
  }
}

async function simulated({ simulate }: SubmitOptions): Promise<{ readonly error: unknown } | undefined> {
  try {
    await simulate();
    return undefined;
  } catch (error) {
    return { error };
  }
}

/** @throws PonosError TASK_EXPIRED when the mailbox has closed the task without a result */
async function isVerified({ status }: SubmitOptions): Promise<boolean> {
  const now = await status();
  if (now === TaskStatus.expired) {
    throw new PonosError('TASK_EXPIRED', {
      message: 'the mailbox has closed the task before its result came',
    });
  }
  return now === TaskStatus.verified;
}
