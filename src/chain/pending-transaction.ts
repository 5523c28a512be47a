/** A transaction from its request until the chain has spoken. */
import type { Address } from '../base/brands.js';
import type { LogFields } from '../base/logger.js';
import type { Receipt, SignedTransaction } from './transaction.js';

export interface TransactionCall {
  readonly to: Address;
  readonly data: Uint8Array;
}

export interface TransactionRequest extends TransactionCall {
  /** What `simulate` returned; a margin is added. */
  readonly gas: bigint;
  /** For log lines, e.g. the task id. */
  readonly fields?: LogFields;
  /** Called with every signed form before it is sent, so that it can be persisted; not after the wait has ended. */
  readonly onSigned?: (transaction: SignedTransaction) => Promise<void>;
}

/** A transaction that was sent and is not in a block yet. */
export interface PendingTransaction {
  readonly request: TransactionRequest;
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal | undefined;
  readonly nonce: number;
  /** Every form that was sent; one of them may be mined. The last one is the dearest. */
  readonly forms: SignedTransaction[];
  readonly settled: Settlement;
  sentAtBlock: number;
  /** The node did not answer when it was sent: send it again at the next head. */
  isUncertain: boolean;
  takenSightings: number;
}

/** How the sender tells whoever waits. */
export interface Settlement {
  readonly promise: Promise<Receipt>;
  resolve(receipt: Receipt): void;
  reject(error: unknown): void;
}

export function createSettlement(): Settlement {
  let resolve: (receipt: Receipt) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<Receipt>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Whoever sent it may have stopped waiting.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
