/**
 * What becomes of transactions that were sent: at each new head receipts are looked for, what blocks pass by
 * is replaced with higher fees, what may be lost is sent again, and gaps below are filled.
 */
import type { Address } from '../base/brands.js';
import { abortError } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Account } from './account.js';
import type { Block } from './block.js';
import type { FeeQuotes } from './fee-quotes.js';
import { bumpedFees, initialFees } from './fees.js';
import type { HeadTracker } from './head-tracker.js';
import { Nonces, SIGHTINGS } from './nonces.js';
import type { Outbox } from './outbox.js';
import { createSettlement, type PendingTransaction } from './pending-transaction.js';
import type { SignedTransaction, UnsignedCall } from './transaction.js';

/** Added to an estimate: what is mined in between may make the call dearer. */
const GAS_MARGIN_PERCENT = 25n;

export interface TransactionWatchOptions {
  readonly account: Account;
  readonly address: Address;
  readonly outbox: Outbox;
  readonly fees: FeeQuotes;
  readonly heads: HeadTracker;
  readonly logger: Logger;
  readonly bumpPercent: number;
  readonly bumpAfterBlocks: number;
}

export interface SentTransaction {
  readonly subject: string | undefined;
  readonly call: UnsignedCall;
  readonly waiter?: PendingTransaction['waiter'];
  readonly transaction: SignedTransaction;
  /** Other forms that may have been sent before. */
  readonly earlier?: readonly SignedTransaction[];
  readonly head: Block;
  readonly isUncertain: boolean;
}

export class TransactionWatch {
  readonly nonces: Nonces;
  readonly #options: TransactionWatchOptions;
  readonly #logger: Logger;
  readonly #pending = new Map<number, PendingTransaction>();
  readonly #unsubscribe: () => void;
  #check: Promise<void> | undefined;
  #uncheckedHead: Block | undefined;
  #closed = false;

  constructor(options: TransactionWatchOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.nonces = new Nonces(options.account, this.#pending);
    this.#unsubscribe = options.heads.subscribe((head) => this.#onHead(head));
  }

  /** By nonce: what was sent and is not in a block yet. */
  get pending(): ReadonlyMap<number, PendingTransaction> {
    return this.#pending;
  }

  track(sent: SentTransaction): PendingTransaction {
    const { subject, call, transaction, isUncertain } = sent;
    const pending: PendingTransaction = {
      subject,
      call,
      waiter: sent.waiter ?? { signal: undefined },
      nonce: transaction.nonce,
      forms: [...(sent.earlier ?? []), transaction],
      settled: createSettlement(),
      sentAtBlock: sent.head.number,
      isUncertain,
      takenSightings: 0,
    };
    this.#pending.set(pending.nonce, pending);
    return pending;
  }

  /** Ends all waits with ABORTED; what was sent may still be mined. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    for (const pending of this.#pending.values()) pending.settled.reject(abortError());
    this.#pending.clear();
    await this.#check;
  }

  /** One check at a time; heads that come meanwhile are one more check afterwards. */
  #onHead(head: Block): void {
    this.#uncheckedHead = head;
    this.#check ??= this.#checkAll().finally(() => {
      this.#check = undefined;
    });
  }

  async #checkAll(): Promise<void> {
    for (let head = this.#uncheckedHead; head !== undefined; head = this.#uncheckedHead) {
      this.#uncheckedHead = undefined;
      if (this.#pending.size === 0) continue;
      try {
        await this.#checkPending(head);
      } catch (error) {
        this.#logger.warn('transactions cannot be checked now, trying again at the next block', { error });
      }
    }
  }

  async #checkPending(head: Block): Promise<void> {
    // Before the receipts: a nonce counted as used here has its receipt below, if it is one of ours.
    const used = await this.#options.account.transactionCount('latest');
    await Promise.all([...this.#pending.values()].map((pending) => this.#lookForReceipt(pending)));
    await this.#fillGap(await this.nonces.gap(used), head);
    for (const pending of [...this.#pending.values()].sort((a, b) => a.nonce - b.nonce)) {
      if (this.#closed) return;
      if (pending.nonce < used) await this.#noteTaken(pending);
      else if (head.number - pending.sentAtBlock >= this.#options.bumpAfterBlocks)
        await this.#bump(pending, head);
      else if (pending.isUncertain) await this.#sendAgain(pending);
    }
  }

  async #lookForReceipt(pending: PendingTransaction): Promise<void> {
    const { account, outbox } = this.#options;
    const receipts = await Promise.all(pending.forms.map(({ hash }) => account.receipt(hash)));
    const receipt = receipts.find((found) => found !== undefined);
    if (receipt === undefined || !this.#pending.delete(pending.nonce)) return;
    await outbox.forget(pending.nonce);
    pending.settled.resolve(receipt);
  }

  async #noteTaken(pending: PendingTransaction): Promise<void> {
    pending.takenSightings += 1;
    if (pending.takenSightings < SIGHTINGS) return;
    const { address, outbox } = this.#options;
    this.#pending.delete(pending.nonce);
    await outbox.forget(pending.nonce);
    pending.settled.reject(
      new PonosError('TRANSACTION_STUCK', {
        message: 'another transaction of the account took the nonce',
        facts: { nonce: pending.nonce, account: address, transaction: pending.forms.at(-1)?.hash },
        advice: 'Give the account to one node only.',
      }),
    );
  }

  /** Empty transactions take the place of those that a reorg undid. */
  async #fillGap(gap: readonly number[], head: Block): Promise<void> {
    if (gap.length === 0) return;
    const { account, address, fees, outbox } = this.#options;
    const offered = initialFees(await fees.market(head));
    if (offered === undefined) return;
    const empty = { to: address, data: new Uint8Array() };
    const call = { ...empty, gasLimit: withMargin(await account.estimateGas(empty.to, empty.data)) };
    for (const nonce of gap) {
      if (this.#closed) return;
      const transaction = await outbox.sign(call, nonce, offered);
      await outbox.keep({ nonce, subject: undefined, forms: [transaction] });
      try {
        const isUncertain = await outbox.hand(transaction);
        this.track({ subject: undefined, call, transaction, head, isUncertain });
        this.#logger.warn('a nonce that a reorg took back is filled with an empty transaction', {
          nonce,
          transaction: transaction.hash,
        });
      } catch (error) {
        await outbox.forget(nonce);
        // Something unknown to us waits at this nonce after all.
        if (!isNonceTaken(error)) throw error;
      }
    }
  }

  async #sendAgain(pending: PendingTransaction): Promise<void> {
    const latest = pending.forms.at(-1);
    if (latest === undefined) return;
    try {
      pending.isUncertain = await this.#options.outbox.hand(latest);
    } catch (error) {
      // What the account cannot pay for must not make the next replacement dearer still.
      if (isPonosError(error, 'FUNDS_INSUFFICIENT') && pending.forms.length > 1) pending.forms.pop();
      this.#warn(pending, 'a transaction was not accepted, trying again at a later block', error);
    }
  }

  async #bump(pending: PendingTransaction, head: Block): Promise<void> {
    const latest = pending.forms.at(-1);
    if (latest === undefined) return;
    const { bumpPercent, fees: quotes, outbox } = this.#options;
    const fees = bumpedFees(latest.fees, bumpPercent, await quotes.market(head));
    pending.sentAtBlock = head.number;
    if (fees === undefined) {
      this.#warn(pending, 'a transaction waits, and its fees are as high as is allowed or can help');
      return this.#sendAgain(pending);
    }
    const { call, nonce, subject, waiter } = pending;
    const replacement = await outbox.sign(call, nonce, fees);
    // When nobody waits for it any more, those behind it still do.
    if (!waiter.signal?.aborted) await waiter.onSigned?.(replacement);
    await outbox.keep({ nonce, subject, forms: [...pending.forms, replacement] });
    pending.forms.push(replacement);
    this.#logger.info('a transaction is replaced by one with higher fees', {
      ...waiter.fields,
      nonce,
      transaction: replacement.hash,
      maxFeePerGas: fees.maxFeePerGas,
    });
    await this.#sendAgain(pending);
  }

  #warn(pending: PendingTransaction, message: string, error?: unknown): void {
    this.#logger.warn(message, {
      ...pending.waiter.fields,
      nonce: pending.nonce,
      error: error === undefined ? undefined : explain(error),
    });
  }
}

export function withMargin(gas: bigint): bigint {
  return (gas * (100n + GAS_MARGIN_PERCENT)) / 100n;
}

/** Whether a node refused a transaction since another one has its nonce. */
export function isNonceTaken(error: unknown): boolean {
  if (!isPonosError(error, 'TRANSACTION_REJECTED')) return false;
  return error.facts.reason === 'nonce-too-low' || error.facts.reason === 'replacement-underpriced';
}
