/**
 * Sends the transactions of one account on one chain: nonces in order, many sent at once, replaced with higher
 * fees when blocks pass them by, and each awaited until it is mined.
 */
import type { Address, Hash32 } from '../base/brands.js';
import { abortError, untilAborted } from '../base/clock.js';
import type { PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { Account } from './account.js';
import type { Block } from './block.js';
import type { ChainClient } from './client.js';
import { FeeQuotes } from './fee-quotes.js';
import type { HeadTracker } from './head-tracker.js';
import { Outbox } from './outbox.js';
import type {
  PendingTransaction,
  TransactionCall,
  TransactionRequest,
  TransactionWaiter,
} from './pending-transaction.js';
import { SendingGate } from './sending-gate.js';
import { type Receipt, readSigned, type TransactionSigner } from './transaction.js';
import { TransactionDispatch } from './transaction-dispatch.js';
import type { JournaledTransaction, TransactionJournal } from './transaction-journal.js';
import { TransactionWatch } from './transaction-watch.js';

export interface TransactionSenderOptions {
  readonly client: Pick<ChainClient, 'request' | 'ask' | 'head' | 'name' | 'chainId'>;
  /** Somebody else polls; each new head is the occasion to look for receipts. */
  readonly heads: HeadTracker;
  readonly signer: TransactionSigner;
  readonly logger: Logger;
  /** Where transactions on their way outlive the process; without it `restore` finds none. */
  readonly journal?: TransactionJournal;
  /** Undefined for no cap. */
  readonly maxFeeGwei?: number;
  readonly bumpPercent: number;
  readonly bumpAfterBlocks: number;
}

export class TransactionSender {
  readonly #options: TransactionSenderOptions;
  readonly #account: Account;
  readonly #outbox: Outbox;
  readonly #logger: Logger;
  readonly #gate: SendingGate;
  readonly #watch: TransactionWatch;
  readonly #dispatch: TransactionDispatch;
  #closed = false;

  constructor(options: TransactionSenderOptions) {
    const { client, signer, journal, maxFeeGwei } = options;
    this.#options = options;
    this.#logger = options.logger.child({ chainId: client.chainId, account: signer.address });
    this.#account = new Account(client, signer.address);
    this.#outbox = new Outbox({ client, account: this.#account, signer, journal, logger: this.#logger });
    const fees = new FeeQuotes({ account: this.#account, chain: client.name, maxFeeGwei });
    this.#gate = new SendingGate({
      account: this.#account,
      fees,
      heads: options.heads,
      logger: this.#logger,
    });
    this.#watch = new TransactionWatch({
      ...options,
      gate: this.#gate,
      account: this.#account,
      address: signer.address,
      outbox: this.#outbox,
      fees,
      logger: this.#logger,
    });
    this.#dispatch = new TransactionDispatch({
      outbox: this.#outbox,
      fees,
      gate: this.#gate,
      watch: this.#watch,
      head: () => this.#head(),
      logger: this.#logger,
    });
  }

  get address(): Address {
    return this.#options.signer.address;
  }

  /** Gas that the call would need now. @throws PonosError CONTRACT_REVERTED with the contract's error by name */
  simulate(call: TransactionCall): Promise<bigint> {
    return this.#account.estimateGas(call.to, call.data);
  }

  /**
   * Resolves when a transaction may be sent; look after it, not before, whether it is still wanted. What is in the
   * way, an account that is dry or a base fee above the cap, is told in the log once for all who wait.
   * @throws PonosError ABORTED
   */
  ready(signal: AbortSignal, onWait: (obstacle: PonosError) => void = () => undefined): Promise<void> {
    return this.#gate.pass(signal, onWait);
  }

  /**
   * Sends, and resolves when the transaction is mined, reverted or not. Does not wait for the ones before.
   * Once it was sent, aborting ends the wait only: the transaction may still be mined.
   * @throws PonosError FUNDS_INSUFFICIENT, TRANSACTION_REJECTED (facts.reason), TRANSACTION_STUCK when another
   *   transaction took its nonce or it was withdrawn, ABORTED, and the client's
   */
  async send(request: TransactionRequest, signal?: AbortSignal): Promise<Receipt> {
    const pending = await this.#dispatch.send(request, signal);
    return untilAborted(pending.settled.promise, signal);
  }

  /**
   * Takes care of what an earlier run has sent and the chain has not answered yet, as if this one had: the same
   * bytes are sent again, replaced when blocks pass them by, and awaited. Call it once, before anything is sent.
   * @param isWanted whether a subject is still worked on; of the others only what waits in the pool is kept,
   *   since whatever is behind it waits, too
   * @returns how many transactions are on their way
   * @throws PonosError of the client and of the journal
   */
  async restore(isWanted: (subject: string) => Promise<boolean>): Promise<number> {
    const kept = (await this.#options.journal?.list()) ?? [];
    const head = await this.#head();
    for (const journaled of kept) {
      const { nonce, subject } = journaled;
      const isNeeded = async () => subject !== undefined && (await isWanted(subject));
      if ((await isNeeded()) || (await this.#isPooled(journaled))) {
        const forms = journaled.forms.map(({ raw }) => readSigned(raw));
        const earlier = forms.map(({ transaction }) => transaction);
        const transaction = earlier.pop();
        // An empty form among others is one that was to withdraw the call of the others.
        const { call } = forms.findLast((form) => !form.transaction.isEmpty) ?? forms.at(-1) ?? {};
        if (transaction === undefined || call === undefined) continue;
        const waiter = { signal: undefined, isNeeded };
        this.#watch.track({ subject, call, waiter, transaction, earlier, head, isUncertain: true });
        this.#logger.info('a transaction of an earlier run is taken care of', {
          subject,
          nonce,
          transaction: transaction.hash,
        });
      } else await this.#outbox.forget(nonce);
    }
    return this.#watch.pending.size;
  }

  /**
   * Waits for the transaction that was sent for a subject before, by this run or an earlier one. Undefined when
   * none is on its way: it was mined, or there is none.
   * @param hash the last form of it that is known, for one that is not in the journal any more
   * @throws PonosError as `send`
   */
  async resume(
    earlier: { readonly subject: string; readonly hash: Hash32 | undefined },
    waiter: TransactionWaiter,
    signal?: AbortSignal,
  ): Promise<Receipt | undefined> {
    const pending = this.#find(earlier) ?? (await untilAborted(this.#adopt(earlier), signal));
    if (pending === undefined) return undefined;
    pending.waiter = { ...waiter, signal };
    return untilAborted(pending.settled.promise, signal);
  }

  /** What the chain says of a transaction; undefined while it is in no block. @throws PonosError of the client */
  receipt(hash: Hash32): Promise<Receipt | undefined> {
    return this.#account.receipt(hash);
  }

  /** Ends all waits with ABORTED; what was sent may still be mined. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#gate.close();
    await this.#dispatch.close();
    await this.#watch.close();
  }

  #find({ subject, hash }: { readonly subject: string; readonly hash: Hash32 | undefined }) {
    return [...this.#watch.pending.values()].find(
      (pending) => pending.subject === subject || pending.forms.some((form) => form.hash === hash),
    );
  }

  /** A transaction of this account that waits in the node's pool, as after a reorg that took it out of its block. */
  async #adopt(earlier: {
    readonly subject: string;
    readonly hash: Hash32 | undefined;
  }): Promise<PendingTransaction | undefined> {
    const { subject, hash } = earlier;
    const found = hash === undefined ? undefined : await this.#account.pooled(hash);
    if (found === undefined) return undefined;
    const { nonces } = this.#watch;
    const { transaction, call } = found;
    const { nonce } = transaction;
    const head = await this.#head();
    // Another one that is being sent with this nonce right now is refused, or takes its place.
    await nonces.earlierSent(nonce + 1);
    const known = this.#find(earlier);
    if (known !== undefined || !nonces.claim(nonce)) return known;
    try {
      await this.#outbox.keep({ nonce, subject, forms: [transaction] });
      if (this.#closed) throw abortError();
      return this.#watch.track({ subject, call, transaction, head, isUncertain: false });
    } finally {
      nonces.spent(nonce);
    }
  }

  async #isPooled({ forms }: JournaledTransaction): Promise<boolean> {
    const pooled = await Promise.all(forms.map(({ hash }) => this.#account.pooled(hash)));
    return pooled.some((found) => found !== undefined);
  }

  async #head(): Promise<Block> {
    return this.#options.heads.latest ?? (await this.#options.client.head());
  }
}

/** One for each account and chain; two would use the same nonces. `close` it before the client. */
export function createTransactionSender(options: TransactionSenderOptions): TransactionSender {
  return new TransactionSender(options);
}
