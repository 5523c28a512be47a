/**
 * Submitting: one transaction with the certificate, sent only after it was simulated, and settled only
 * by what the mailbox says. Everything here can be done twice: a task that is verified already is done.
 */
import type { Hash32 } from '../base/brands.js';
import { throwIfAborted } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import { revertName } from '../chain/contracts/errors.js';
import { canPass } from '../chain/rpc-error.js';
import { isToldBySender } from '../chain/sending-gate.js';
import { TaskStatus } from '../protocol/enums.js';
import type { ChainTime } from './chain-time.js';
import { withLastFailure } from './retry-until.js';

export interface SubmitOptions {
  readonly createdAtSeconds: number;
  readonly chainTime: ChainTime;
  /** The mailbox' status of the task at the head. */
  readonly status: () => Promise<number>;
  /**
   * Waits until a transaction of an earlier run or attempt is mined, since another one would be paid for in vain;
   * undefined when there is none that waits for it.
   */
  readonly awaitEarlier: (signal: AbortSignal) => Promise<MinedTransaction | undefined>;
  /** Resolves when the account can send; `onWait` is told what is in the way. */
  readonly ready: (signal: AbortSignal, onWait: (obstacle: PonosError) => void) => Promise<void>;
  /** Resolves when it is this task's turn to simulate and to get a place among those sent; what it gives ends the turn. */
  readonly turn: (signal: AbortSignal) => Promise<() => void>;
  /** Runs the transaction at the head and returns the gas it needs. @throws PonosError CONTRACT_REVERTED */
  readonly simulate: () => Promise<bigint>;
  /** Sends the transaction, tells when its place among the account's is certain, and waits until it is mined. */
  readonly send: (gas: bigint, signal: AbortSignal, onPlaced: () => void) => Promise<MinedTransaction>;
  /**
   * Why the certificate verifier, asked alone at the head, refuses the certificate; undefined when it takes it. The
   * mailbox passes on the errors of the AVS's hook as they are, and a hook may name its own like the contracts'.
   */
  readonly verifierRefusal: () => Promise<PonosError | undefined>;
  /** Called once for each new way in which the AVS's hook refuses the result. */
  readonly onHookRevert: (error: unknown) => void;
  /** The chain could not be asked; it is tried again at the next block. */
  readonly onRetry: (error: unknown) => void;
}

export interface MinedTransaction {
  readonly hash: Hash32;
  /** False when it was mined and reverted. */
  readonly succeeded: boolean;
  readonly gasUsed: bigint;
  /** Undefined where the node does not tell. */
  readonly costWei: bigint | undefined;
}

export type SubmitOutcome =
  | { readonly kind: 'verified'; readonly transaction: MinedTransaction }
  /** Somebody else's result was verified first. */
  | { readonly kind: 'completed elsewhere' };

/** What a reverted simulation means for the task, by the error's name, which a hook can choose to its liking. */
export type RevertMeaning = 'status' | 'too early' | 'certificate' | 'hook';

/** What the contracts do not declare is the AVS's hook. Of the rest `submit` asks the contracts themselves. */
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
      return 'certificate';
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
  const attempts: Attempts = {
    reverted: 0,
    hookRevert: undefined,
    lastRevert: undefined,
    lastFailure: undefined,
  };
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
  /** The last refusal of the AVS's hook. */
  hookRevert: unknown;
  /** How the simulation before reverted, explained. */
  lastRevert: string | undefined;
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
    const mined = (await options.awaitEarlier(signal)) ?? (await send(options, attempts, signal));
    if ('revert' in mined) return await afterRevert(options, attempts, mined.revert);
    if (mined.succeeded) return { kind: 'verified', transaction: mined };
    if (await isVerified(options)) return { kind: 'completed elsewhere' };
    attempts.reverted += 1;
    if (attempts.reverted < MAX_REVERTED_TRANSACTIONS) return 'again';
    throw new PonosError('TRANSACTION_FAILED', {
      message: 'transactions with the result pass the simulation but revert when they are mined',
      facts: { transaction: mined.hash, attempts: attempts.reverted },
    });
  } catch (error) {
    throwIfAborted(signal);
    // An empty account, fees above the cap, a silent endpoint: the operator or time may mend it.
    if (!canPass(error)) throw error;
    attempts.lastFailure = error;
    if (!isToldBySender(error)) options.onRetry(error);
    return 'next block';
  }
}

/** Simulated after the wait for an account that can pay, since others may have been faster meanwhile. */
async function send(
  options: SubmitOptions,
  attempts: Attempts,
  signal: AbortSignal,
): Promise<MinedTransaction | { readonly revert: PonosError }> {
  await options.ready(signal, (obstacle) => {
    attempts.lastFailure = obstacle;
  });
  attempts.lastFailure = undefined;
  const leave = await options.turn(signal);
  try {
    return await options.send(await options.simulate(), signal, leave);
  } catch (error) {
    if (isPonosError(error, 'CONTRACT_REVERTED')) return { revert: error };
    throw error;
  } finally {
    leave();
  }
}

async function afterRevert(
  options: SubmitOptions,
  attempts: Attempts,
  revert: PonosError,
): Promise<SubmitOutcome | 'next block'> {
  const meaning = meaningOfRevert(revert);
  const isRepeated = attempts.lastRevert === explain(revert);
  attempts.lastRevert = explain(revert);
  if (meaning === 'status' && (await isVerified(options))) return { kind: 'completed elsewhere' };
  if (meaning === 'certificate') {
    const refusal = await options.verifierRefusal();
    if (refusal !== undefined) {
      throw new PonosError('TASK_REFUSED', {
        message: 'the contracts refuse the result',
        facts: { error: revertName(refusal) },
        cause: refusal,
      });
    }
  }
  // A status that is not so, and a time that has passed, are those of an endpoint that lags, or the hook's words.
  const isLag = meaning === 'status' || meaning === 'too early';
  if (!isLag || isRepeated) {
    if (explain(attempts.hookRevert) !== explain(revert)) options.onHookRevert(revert);
    attempts.hookRevert = revert;
  }
  return 'next block';
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
