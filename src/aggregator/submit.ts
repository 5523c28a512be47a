/**
 * Submitting: one transaction with the certificate, sent only after it was simulated, and settled only
 * by what the mailbox says. Everything here can be done twice: a task that is verified already is done.
 */
import type { Hash32 } from '../base/brands.js';
import { throwIfAborted } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import { revertName } from '../chain/contracts/errors.js';
import { canPass } from '../chain/rpc-error.js';
import { TaskStatus } from '../protocol/enums.js';
import type { ChainTime } from './chain-time.js';
import { withLastFailure } from './retry-until.js';

export interface SubmitOptions {
  readonly createdAtSeconds: number;
  readonly chainTime: ChainTime;
  /** The mailbox' status of the task at the head. */
  readonly status: () => Promise<number>;
  /**
   * Waits until the transaction of an earlier run is mined, since another one would be paid for in vain;
   * undefined when there is none that waits for it.
   */
  readonly awaitEarlier: (signal: AbortSignal) => Promise<MinedTransaction | undefined>;
  /** Runs the transaction at the head and returns the gas it needs. @throws PonosError CONTRACT_REVERTED */
  readonly simulate: () => Promise<bigint>;
  /** Sends the transaction and waits until it is mined. */
  readonly send: (gas: bigint, signal: AbortSignal) => Promise<MinedTransaction>;
  /** Called once for each new way in which the AVS's hook refuses the result. */
  readonly onHookRevert: (error: unknown) => void;
  /** The chain could not be asked; it is tried again at the next block. */
  readonly onRetry: (error: unknown) => void;
}

export interface MinedTransaction {
  readonly hash: Hash32;
  /** False when it was mined and reverted. */
  readonly succeeded: boolean;
}

export type SubmitOutcome =
  | { readonly kind: 'verified'; readonly transactionHash: Hash32 }
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
 *   mailbox has closed the task, TRANSACTION_FAILED, and the signal's reason when it aborts; the
 *   deadline's error carries the hook's last refusal, or what else was in the way, as its cause
 */
export async function submit(options: SubmitOptions, signal: AbortSignal): Promise<SubmitOutcome> {
  const { chainTime } = options;
  const attempts: Attempts = { reverted: 0, hookRevert: undefined, lastFailure: undefined };
  try {
    // The mailbox refuses a result in a block of the task's own time.
    while (chainTime.head.timestampSeconds <= options.createdAtSeconds) await chainTime.nextHead(signal);
    for (;;) {
      throwIfAborted(signal);
      const outcome = await attempt(options, attempts, signal);
      if (outcome === 'again') continue;
      if (outcome !== 'next block') return outcome;
      await chainTime.nextHead(signal);
    }
  } catch (error) {
    if (!isPonosError(error, 'TASK_EXPIRED')) throw error;
    if (attempts.hookRevert === undefined) throw withLastFailure(error, attempts.lastFailure);
    throw new PonosError('TASK_EXPIRED', {
      message: "the AVS's hook has refused the result until the deadline",
      cause: attempts.hookRevert,
    });
  }
}

/** What the attempts so far have come to. */
interface Attempts {
  reverted: number;
  hookRevert: unknown;
  /** What the last attempt failed with, if time may mend it. */
  lastFailure: unknown;
}

async function attempt(
  options: SubmitOptions,
  attempts: Attempts,
  signal: AbortSignal,
): Promise<SubmitOutcome | 'again' | 'next block'> {
  attempts.lastFailure = undefined;
  try {
    const earlier = await options.awaitEarlier(signal);
    const mined = earlier ?? (await options.send(await options.simulate(), signal));
    if (mined.succeeded) return { kind: 'verified', transactionHash: mined.hash };
    if (await isVerified(options)) return { kind: 'completed elsewhere' };
    attempts.reverted += 1;
    if (attempts.reverted < MAX_REVERTED_TRANSACTIONS) return 'again';
    throw new PonosError('TRANSACTION_FAILED', {
      message: 'transactions with the result pass the simulation but revert when they are mined',
      facts: { transaction: mined.hash, attempts: attempts.reverted },
    });
  } catch (error) {
    throwIfAborted(signal);
    if (isPonosError(error, 'CONTRACT_REVERTED')) return afterRevert(options, attempts, error);
    // An empty account, fees above the cap, a silent endpoint: the operator or time may mend it.
    if (!canPass(error)) throw error;
    attempts.lastFailure = error;
    options.onRetry(error);
    return 'next block';
  }
}

async function afterRevert(
  options: SubmitOptions,
  attempts: Attempts,
  error: PonosError,
): Promise<SubmitOutcome | 'next block'> {
  switch (meaningOfRevert(error)) {
    case 'permanent':
      throw new PonosError('TASK_REFUSED', {
        message: 'the contracts refuse the result',
        facts: { error: revertName(error) },
        cause: error,
      });
    case 'status':
      return (await isVerified(options)) ? { kind: 'completed elsewhere' } : 'next block';
    case 'hook':
      if (explain(attempts.hookRevert) !== explain(error)) options.onHookRevert(error);
      attempts.hookRevert = error;
      return 'next block';
    case 'too early':
      return 'next block';
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
