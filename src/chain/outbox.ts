/** The way out of one account's transactions: each is signed, kept, and only then handed to a node. */
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Account } from './account.js';
import type { ChainClient } from './client.js';
import type { Fees } from './fees.js';
import type { PendingTransaction } from './pending-transaction.js';
import {
  type SignedTransaction,
  signTransaction,
  type TransactionSigner,
  type UnsignedCall,
} from './transaction.js';
import type { TransactionJournal } from './transaction-journal.js';

export interface OutboxOptions {
  readonly client: Pick<ChainClient, 'chainId'>;
  readonly account: Account;
  readonly signer: TransactionSigner;
  /** Where transactions on their way outlive the process. */
  readonly journal: TransactionJournal | undefined;
  readonly logger: Logger;
}

export class Outbox {
  readonly #options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  sign(call: UnsignedCall, nonce: number, fees: Fees): Promise<SignedTransaction> {
    const { signer, client } = this.#options;
    return signTransaction(signer, client.chainId, call, nonce, fees);
  }

  /** Keeps a transaction as it is about to be sent; on the disk when it resolves. @throws PonosError of the journal */
  async keep({
    nonce,
    subject,
    forms,
  }: Pick<PendingTransaction, 'nonce' | 'subject' | 'forms'>): Promise<void> {
    await this.#options.journal?.save({
      nonce,
      subject,
      forms: forms.map(({ hash, raw }) => ({ hash, raw })),
    });
  }

  /**
   * True when nobody knows whether a node has the transaction.
   * @throws PonosError TRANSACTION_REJECTED, FUNDS_INSUFFICIENT and the client's, when the node does not have it
   */
  async hand(transaction: SignedTransaction): Promise<boolean> {
    const { account } = this.#options;
    try {
      await account.broadcast(transaction.raw);
      return false;
    } catch (error) {
      if (isPonosError(error, 'CHAIN_UNREACHABLE')) return true;
      // Several nodes may be asked in turn: one may refuse what another one has taken before, or mined.
      const isKnown = await account.knows(transaction.hash).catch(() => undefined);
      if (isKnown === false) throw error;
      return isKnown === undefined;
    }
  }

  /** What stays in the journal is looked at again by the next run, and is harmless. */
  async forget(nonce: number): Promise<void> {
    const { journal, logger } = this.#options;
    try {
      await journal?.remove(nonce);
    } catch (error) {
      logger.warn('a settled transaction cannot be taken out of the store', { nonce, error });
    }
  }
}
