/** The transactions of one account on one chain that the chain has not answered yet. */
import type { Address, ChainId, Hash32 } from '../base/brands.js';
import { transactionKeyOf } from './aggregator-keys.js';
import type { KeyValueStore } from './key-value-store.js';
import { listJson, putJson, remove } from './records.js';
import { keysBelow } from './store-key.js';

export interface TransactionRecord {
  readonly nonce: number;
  /** The task whose result it carries; undefined for one that only takes a nonce out of the way. */
  readonly subject: string | undefined;
  /** Every form that may have been sent, the dearest last; `raw` is the signed transaction as hex. */
  readonly forms: readonly { readonly hash: Hash32; readonly raw: string }[];
}

/** Every method throws PonosError STORE_UNAVAILABLE, `list` STORE_CORRUPT too. */
export interface TransactionRecords {
  /** By nonce, ascending. */
  list(): Promise<TransactionRecord[]>;
  /** Replaces what is kept for the nonce. */
  save(transaction: TransactionRecord): Promise<void>;
  remove(nonce: number): Promise<void>;
}

export function createTransactionRecords(
  store: KeyValueStore,
  chainId: ChainId,
  account: Address,
): TransactionRecords {
  const keyOf = (nonce: number) => transactionKeyOf(chainId, account, nonce);
  return {
    list: () => listJson<TransactionRecord>(store, keysBelow('transaction', chainId, account)),
    save: (transaction) => store.batch([putJson(keyOf(transaction.nonce), transaction)]),
    remove: (nonce) => store.batch([remove(keyOf(nonce))]),
  };
}
