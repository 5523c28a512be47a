/**
 * What becomes of transactions that were sent: at each new head receipts are looked for, what blocks pass by
 * is replaced with higher fees, what may be lost is sent again, and gaps between them are filled.
 */
import type { Address } from '../base/brands.js';
import { abortError } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { createOutcome } from '../base/outcome.js';
import type { Account } from './account.js';
import type { Block } from './block.js';
import { EmptyTransactions } from './empty-transactions.js';
import type { FeeQuotes } from './fee-quotes.js';
import { bumpedFees } from './fees.js';
import type { HeadTracker } from './head-tracker.js';
import { MOST_SENDING, Nonces, SIGHTINGS } from './nonces.js';
import type { Outbox } from './outbox.js';
import type { PendingTransaction } from './pending-transaction.js';
import { type SendingGate, WITHDRAWN } from './sending-gate.js';
import { maxCostWei, type SignedTransaction, type UnsignedCall } from './transaction.js';
import { isNonceAhead } from './transaction-rejection.js';

/** What still waits after so many blocks may have been dropped from the pool. */
const LOOK_AFTER_BLOCKS = 2;

export interface TransactionWatchOptions {
  readonly account: Account;
  readonly address: Address;
  readonly outbox: Outbox;
  readonly fees: FeeQuotes;
  readonly gate: SendingGate;
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
  readonly #empties: EmptyTransactions;
  readonly #pending = new Map<number, PendingTransaction>();
  readonly #unsubscribe: () => void;
  #check: Promise<void> | undefined;
  #uncheckedHead: Block | undefined;
  #closed = false;

  constructor(options: TransactionWatchOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.nonces = new Nonces(options.account, this.#pending);
    this.#empties = new EmptyTransactions({
      ...options,
      nonces: this.nonces,
      track: (sent) => this.track(sent),
      isClosed: () => this.#closed,
    });
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
      settled: createOutcome(),
      sentAtBlock: sent.head.number,
      isUncertain,
      takenSightings: 0,
      told: new Set(),
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
    const { account } = this.#options;
    // Before the receipts: a nonce counted as used here has its receipt below, if it is one of ours. Of the others
    // there is none to be asked for.
    const used = await account.transactionCount('latest');
    const mined = [...this.#pending.values()].filter(({ nonce }) => nonce < used);
    await Promise.all(mined.map((pending) => this.#lookForReceipt(pending)));
    const pooled = this.#mayBeLost(used, head)
      ? await account.transactionCount('pending')
      : Number.POSITIVE_INFINITY;
    await this.#empties.fill(this.nonces.gap(pooled), head);
    const waiting = [...this.#pending.values()].sort((a, b) => a.nonce - b.nonce);
    const failures: unknown[] = [];
    for (let at = 0; at < waiting.length; at += MOST_SENDING) {
      const group = waiting.slice(at, at + MOST_SENDING);
      const looks = group.map((pending) => this.#lookAt(pending, used, pooled, head));
      for (const look of await Promise.allSettled(looks)) {
        if (look.status === 'rejected') failures.push(look.reason);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #lookAt(pending: PendingTransaction, used: number, pooled: number, head: Block): Promise<void> {
    if (this.#closed || !this.#pending.has(pending.nonce)) return;
    if (pending.nonce < used) await this.#noteTaken(pending);
    else if (head.number - pending.sentAtBlock >= this.#options.bumpAfterBlocks)
      await this.#bump(pending, head);
    else if (pending.isUncertain || pending.nonce >= pooled) await this.#sendAgain(pending);
  }

  /** Whether it is worth a request to learn what the pool has: something waits long, or waits behind a gap. */
  #mayBeLost(used: number, head: Block): boolean {
    const waiting = [...this.#pending.values()];
    if (waiting.length === 0) return false;
    return (
      used < Math.min(...this.#pending.keys()) ||
      waiting.some(({ sentAtBlock }) => head.number - sentAtBlock >= LOOK_AFTER_BLOCKS)
    );
  }

  async #lookForReceipt(pending: PendingTransaction): Promise<void> {
    const { account } = this.#options;
    const receipts = await Promise.all(pending.forms.map(({ hash }) => account.receipt(hash)));
    const receipt = receipts.find((found) => found !== undefined);
    if (receipt === undefined || !(await this.#drop(pending))) return;
    const mined = pending.forms.find(({ hash }) => hash === receipt.hash);
    if (mined?.isEmpty && pending.subject !== undefined) {
      const message = 'the transaction was withdrawn: its result was not needed any more';
      const facts = { reason: WITHDRAWN, nonce: pending.nonce, transaction: receipt.hash };
      pending.settled.reject(new PonosError('TRANSACTION_STUCK', { message, facts }));
    } else pending.settled.resolve(receipt);
  }

  /** @returns false when somebody else has ended it before */
  async #drop({ nonce }: PendingTransaction): Promise<boolean> {
    if (!this.#pending.delete(nonce)) return false;
    await this.#options.outbox.forget(nonce);
    return true;
  }

  async #noteTaken(pending: PendingTransaction): Promise<void> {
    pending.takenSightings += 1;
    if (pending.takenSightings < SIGHTINGS) return;
    if (!(await this.#drop(pending))) return;
    pending.settled.reject(
      new PonosError('TRANSACTION_STUCK', {
        message: 'the nonce of a transaction is used, and no endpoint has a receipt of ours',
        facts: {
          nonce: pending.nonce,
          account: this.#options.address,
          transaction: pending.forms.at(-1)?.hash,
        },
        advice:
          'Mostly an endpoint is late with it, and the result is found to be ours in a moment. If another transaction has the nonce, give the account to one node only.',
      }),
    );
  }

  async #sendAgain(pending: PendingTransaction): Promise<void> {
    const { gate, outbox } = this.#options;
    const latest = pending.forms.at(-1);
    if (latest === undefined) return;
    try {
      pending.isUncertain = await outbox.hand(latest);
    } catch (error) {
      // What the account cannot pay for must not make the next replacement dearer still.
      if (isPonosError(error, 'FUNDS_INSUFFICIENT')) {
        if (pending.forms.length > 1) pending.forms.pop();
        await gate.ranDry(maxCostWei(latest));
      } else if (isNonceAhead(error) && this.nonces.hasEarlier(pending.nonce)) pending.isUncertain = true;
      else this.#warn(pending, 'a transaction was not accepted, trying again at a later block', error);
    }
  }

  async #bump(pending: PendingTransaction, head: Block): Promise<void> {
    const latest = pending.forms.at(-1);
    if (latest === undefined) return;
    const { bumpPercent, fees: quotes, outbox } = this.#options;
    const fees = bumpedFees(latest.fees, bumpPercent, await quotes.market(head));
    const { nonce, subject, waiter } = pending;
    if (fees === undefined) {
      pending.sentAtBlock = head.number;
      this.#warn(pending, 'a transaction waits, and its fees are as high as is allowed or can help');
      return this.#sendAgain(pending);
    }
    const isNeeded = (await waiter.isNeeded?.()) ?? true;
    const replacement = await outbox.sign(isNeeded ? pending.call : await this.#empties.call(), nonce, fees);
    pending.sentAtBlock = head.number;
    // When nobody waits for it any more, those behind it still do.
    if (isNeeded && !waiter.signal?.aborted) await waiter.onSigned?.(replacement);
    await outbox.keep({ nonce, subject, forms: [...pending.forms, replacement] });
    pending.forms.push(replacement);
    pending.told.clear();
    this.#logger.info(
      isNeeded
        ? 'a transaction is replaced by one with higher fees'
        : 'a transaction that is not needed any more is replaced by an empty one, which is cheaper',
      { ...waiter.fields, nonce, transaction: replacement.hash, maxFeePerGas: fees.maxFeePerGas },
    );
    await this.#sendAgain(pending);
  }

  /** Once for each problem: what waits for long is not told of again and again, though amounts in it may change. */
  #warn(pending: PendingTransaction, message: string, error?: unknown): void {
    const cause = isPonosError(error) ? `${error.code} ${error.facts.reason}` : explain(error);
    const problem = `${message}: ${cause}`;
    const log = pending.told.has(problem) ? this.#logger.debug : this.#logger.warn;
    log(message, {
      ...pending.waiter.fields,
      nonce: pending.nonce,
      error: error === undefined ? undefined : explain(error),
    });
    pending.told.add(problem);
  }
}
