/** Transactions that do nothing but to take a nonce out of the way of those that wait behind it. */
import type { Address } from '../base/brands.js';
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Account } from './account.js';
import type { Block } from './block.js';
import type { FeeQuotes } from './fee-quotes.js';
import { type Fees, initialFees } from './fees.js';
import type { Nonces } from './nonces.js';
import type { Outbox } from './outbox.js';
import type { SendingGate } from './sending-gate.js';
import { maxCostWei, type UnsignedCall, withMargin } from './transaction.js';
import { isNonceTaken } from './transaction-rejection.js';
import type { SentTransaction } from './transaction-watch.js';

export interface EmptyTransactionsOptions {
  readonly account: Pick<Account, 'estimateGas'>;
  readonly address: Address;
  readonly nonces: Nonces;
  readonly outbox: Outbox;
  readonly fees: FeeQuotes;
  readonly gate: SendingGate;
  /** Called with each that a node has, or may have. */
  readonly track: (sent: SentTransaction) => void;
  readonly isClosed: () => boolean;
  readonly logger: Logger;
}

export class EmptyTransactions {
  readonly #options: EmptyTransactionsOptions;

  constructor(options: EmptyTransactionsOptions) {
    this.#options = options;
  }

  /** To the account itself. @throws PonosError of the client */
  async call(): Promise<UnsignedCall> {
    const { account, address } = this.#options;
    const empty = { to: address, data: new Uint8Array() };
    return { ...empty, gasLimit: withMargin(await account.estimateGas(empty.to, empty.data)) };
  }

  /**
   * Sends one for each nonce of a gap, which a reorg has torn, or a refusal of what nobody sends again.
   * @throws PonosError of the client, the signer and the journal, and TRANSACTION_REJECTED
   */
  async fill(gap: readonly number[], head: Block): Promise<void> {
    const { nonces, outbox, gate, isClosed } = this.#options;
    // What little an account that is dry can pay for is for the results.
    if (gap.length === 0 || gate.holdsBackResults) return;
    const fees = initialFees(await this.#options.fees.market(head));
    if (fees === undefined) return;
    const call = await this.call();
    for (const nonce of gap) {
      if (isClosed()) return;
      if (!nonces.claim(nonce)) continue;
      try {
        await this.#send(call, nonce, fees, head);
        nonces.spent(nonce);
      } catch (error) {
        await outbox.forget(nonce);
        // Something unknown to us waits at this nonce after all.
        if (isNonceTaken(error)) await nonces.skip(nonce);
        else nonces.release(nonce);
        if (isPonosError(error, 'FUNDS_INSUFFICIENT')) {
          return gate.ranDry(maxCostWei({ gasLimit: call.gasLimit, fees }));
        }
        if (!isNonceTaken(error)) throw error;
      }
    }
  }

  async #send(call: UnsignedCall, nonce: number, fees: Fees, head: Block): Promise<void> {
    const { outbox, track, logger } = this.#options;
    const transaction = await outbox.sign(call, nonce, fees);
    await outbox.keep({ nonce, subject: undefined, forms: [transaction] });
    const isUncertain = await outbox.hand(transaction);
    track({ subject: undefined, call, transaction, head, isUncertain });
    logger.warn('a nonce that no transaction has any more is filled with an empty one', {
      nonce,
      transaction: transaction.hash,
    });
  }
}
