/** A transaction from its request until the chain has spoken. */
import type { Address } from '../base/brands.js';
import type { LogFields } from '../base/logger.js';
import type { Outcome } from '../base/outcome.js';
import type { Receipt, SignedTransaction, UnsignedCall } from './transaction.js';

export interface TransactionCall {
  readonly to: Address;
  readonly data: Uint8Array;
}

/** Whoever waits for a transaction. */
export interface TransactionWaiter {
  /** For log lines, e.g. the task id. */
  readonly fields?: LogFields;
  /** Called with every signed form before it is sent; not after the wait has ended. */
  readonly onSigned?: (transaction: SignedTransaction) => Promise<void>;
  /** Called when the first form was handed to a node, which has not refused it. */
  readonly onSent?: (transaction: SignedTransaction) => void;
  /**
   * Asked before more is paid for it: false when the chain would only revert it now. The next replacement is then an
   * empty transaction, which takes 21,000 gas where the call would be paid for with all its data.
   */
  readonly isNeeded?: () => Promise<boolean>;
}

export interface TransactionRequest extends TransactionCall, TransactionWaiter {
  /** What `simulate` returned; a margin is added. */
  readonly gas: bigint;
  /** What the transaction is for, e.g. a task id: by it `resume` finds the transaction again. */
  readonly subject?: string;
  /** Called when it has its nonce: whatever is sent later comes after it. Once more when that nonce was taken. */
  readonly onPlaced?: () => void;
}

/** A transaction that was sent and is not in a block yet. */
export interface PendingTransaction {
  readonly subject: string | undefined;
  readonly call: UnsignedCall;
  readonly nonce: number;
  /** Every form that was sent; one of them may be mined. The last one is the dearest. */
  readonly forms: SignedTransaction[];
  /** What the sender tells whoever waits. */
  readonly settled: Outcome<Receipt>;
  /** Changes hands when the work it is for is taken up again. */
  waiter: TransactionWaiter & { readonly signal: AbortSignal | undefined };
  sentAtBlock: number;
  /** Nobody has confirmed that a node has it: send it again at the next head. */
  isUncertain: boolean;
  takenSightings: number;
  /** Problems of its last form that were warned of: the same is not said again. */
  readonly told: Set<string>;
}
