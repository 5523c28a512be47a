/**
 * What is kept of a transaction from before it is sent until the chain has spoken. Without it a restart would
 * pay for a second transaction with another nonce while the first one may still be mined.
 */
import type { Hash32 } from '../base/brands.js';

export interface JournaledTransaction {
  readonly nonce: number;
  /** What it is for, e.g. a task id; undefined for one that only takes a nonce out of the way. */
  readonly subject: string | undefined;
  /** Every form that may have been sent, the dearest last; `raw` is the signed transaction as hex. */
  readonly forms: readonly { readonly hash: Hash32; readonly raw: string }[];
}

/** The transactions of one account on one chain. Every method throws PonosError STORE_UNAVAILABLE, `list` STORE_CORRUPT too. */
export interface TransactionJournal {
  /** By nonce, ascending. */
  list(): Promise<JournaledTransaction[]>;
  /** Replaces what is kept for the nonce; on the disk when it resolves. */
  save(transaction: JournaledTransaction): Promise<void>;
  remove(nonce: number): Promise<void>;
}
