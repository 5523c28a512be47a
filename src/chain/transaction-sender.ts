/**
 * Sends the transactions of one account on one chain: nonces in order, many on their way at once, replaced
 * with higher fees when blocks pass them by, and each awaited until it is mined.
 */
import type { Address, Hash32 } from '../base/brands.js';
import { abortError, throwIfAborted, untilAborted } from '../base/clock.js';
import { explain, isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import { Account } from './account.js';
import type { Block } from './block.js';
import type { ChainClient } from './client.js';
import { FeeQuotes } from './fee-quotes.js';
import { bumpedFees, initialFees } from './fees.js';
import type { HeadTracker } from './head-tracker.js';
import { Outbox } from './outbox.js';
import {
  createSettlement,
  type PendingTransaction,
  type TransactionCall,
  type TransactionRequest,
  type TransactionWaiter,
} from './pending-transaction.js';
import {
  type Receipt,
  readSigned,
  type SignedTransaction,
  type TransactionSigner,
  type UnsignedCall,
} from './transaction.js';
import type { JournaledTransaction, TransactionJournal } from './transaction-journal.js';

/** Added to an estimate: what is mined in between may make the call dearer. */
const GAS_MARGIN_PERCENT = 25n;
/** Nonces tried for one transaction when somebody else uses the account too. */
const MAX_NONCE_ATTEMPTS = 4;
/** Heads at which a nonce must be seen taken by a stranger, or used by nobody: one endpoint of several may lag. */
const SIGHTINGS = 3;

export interface TransactionSenderOptions {
  readonly client: Pick<ChainClient, 'request' | 'head' | 'name' | 'chainId'>;
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
  readonly #fees: FeeQuotes;
  readonly #logger: Logger;
  readonly #pending = new Map<number, PendingTransaction>();
  readonly #unsubscribe: () => void;
  /** Broadcasts one after the other, since a nonce is spent only by an accepted transaction. */
  #queue: Promise<unknown> = Promise.resolve();
  #check: Promise<void> | undefined;
  #uncheckedHead: Block | undefined;
  #nextNonce: number | undefined;
  #gapSightings = 0;
  #closed = false;

  constructor(options: TransactionSenderOptions) {
    const { client, signer, journal, maxFeeGwei } = options;
    this.#options = options;
    this.#logger = options.logger.child({ chainId: client.chainId, account: signer.address });
    this.#account = new Account(client, signer.address);
    this.#outbox = new Outbox({ client, account: this.#account, signer, journal, logger: this.#logger });
    this.#fees = new FeeQuotes({ account: this.#account, chain: client.name, maxFeeGwei });
    this.#unsubscribe = options.heads.subscribe((head) => this.#onHead(head));
  }

  get address(): Address {
    return this.#options.signer.address;
  }

  /** Gas that the call would need now. @throws PonosError CONTRACT_REVERTED with the contract's error by name */
  simulate(call: TransactionCall): Promise<bigint> {
    return this.#account.estimateGas(call.to, call.data);
  }

  /**
   * Sends, and resolves when the transaction is mined, reverted or not. Does not wait for the ones before.
   * Once it was sent, aborting ends the wait only: the transaction may still be mined.
   * @throws PonosError FUNDS_INSUFFICIENT, TRANSACTION_REJECTED (facts.reason), TRANSACTION_STUCK when another
   *   transaction took its nonce, ABORTED, and the client's
   */
  async send(request: TransactionRequest, signal?: AbortSignal): Promise<Receipt> {
    const broadcast = this.#queue.then(() => {
      throwIfAborted(signal);
      return this.#broadcast(request, signal);
    });
    this.#queue = broadcast.catch(() => undefined);
    const pending = await broadcast;
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
      if (await this.#isAlive(journaled, isWanted)) {
        const [form, ...others] = journaled.forms.map(({ raw }) => readSigned(raw)).reverse();
        if (form === undefined) continue;
        const earlier = others.map(({ transaction }) => transaction).reverse();
        const { call, transaction } = form;
        this.#track({ subject, call, transaction, earlier, head, isUncertain: true });
        this.#logger.info('a transaction of an earlier run is taken care of', {
          subject,
          nonce,
          transaction: transaction.hash,
        });
      } else await this.#outbox.forget(nonce);
    }
    return this.#pending.size;
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
    this.#unsubscribe();
    await this.#queue;
    for (const pending of this.#pending.values()) pending.settled.reject(abortError());
    this.#pending.clear();
    await this.#check;
  }

  #find({ subject, hash }: { readonly subject: string; readonly hash: Hash32 | undefined }) {
    return [...this.#pending.values()].find(
      (pending) => pending.subject === subject || pending.forms.some((form) => form.hash === hash),
    );
  }

  /** A transaction of this account that waits in the node's pool, as after a reorg that took it out of its block. */
  async #adopt({
    subject,
    hash,
  }: {
    readonly subject: string;
    readonly hash: Hash32 | undefined;
  }): Promise<PendingTransaction | undefined> {
    const found = hash === undefined ? undefined : await this.#account.pooled(hash);
    if (found === undefined) return undefined;
    const { nonce, fees, from: _from, ...call } = found;
    const known = this.#pending.get(nonce);
    if (known !== undefined) return known;
    // Signing is deterministic, so that this is the very transaction, ready to be sent again.
    const transaction = await this.#outbox.sign(call, nonce, fees);
    const head = await this.#head();
    await this.#outbox.keep({ nonce, subject, forms: [transaction] });
    if (this.#closed) throw abortError();
    return this.#track({ subject, call, transaction, head, isUncertain: false });
  }

  async #isAlive(
    { subject, forms }: JournaledTransaction,
    isWanted: (subject: string) => Promise<boolean>,
  ): Promise<boolean> {
    if (subject !== undefined && (await isWanted(subject))) return true;
    const pooled = await Promise.all(forms.map(({ hash }) => this.#account.pooled(hash)));
    return pooled.some((found) => found !== undefined);
  }

  async #broadcast(
    request: TransactionRequest,
    signal: AbortSignal | undefined,
  ): Promise<PendingTransaction> {
    for (let attempt = 1; ; attempt++) {
      if (this.#closed) throw abortError();
      const head = await this.#head();
      const fees = await this.#fees.initial(head);
      const nonce = await this.#nonce();
      const { to, data, subject, fields, onSigned } = request;
      const call = { to, data, gasLimit: withMargin(request.gas) };
      const transaction = await this.#outbox.sign(call, nonce, fees);
      try {
        // Together, since the store writes together what comes together; both before it is sent.
        await Promise.all([
          onSigned?.(transaction),
          this.#outbox.keep({ nonce, subject, forms: [transaction] }),
        ]);
        const isUncertain = await this.#outbox.hand(transaction);
        this.#nextNonce = nonce + 1;
        this.#logger.debug('a transaction was sent', { ...fields, transaction: transaction.hash, nonce });
        const waiter = { fields, onSigned, signal };
        return this.#track({ subject, call, waiter, transaction, head, isUncertain });
      } catch (error) {
        await this.#outbox.forget(nonce);
        if (!isNonceTaken(error) || attempt === MAX_NONCE_ATTEMPTS) throw error;
        this.#nextNonce = Math.max(nonce + 1, await this.#account.transactionCount('pending'));
      }
    }
  }

  #track(sent: {
    readonly subject: string | undefined;
    readonly call: UnsignedCall;
    readonly waiter?: PendingTransaction['waiter'];
    readonly transaction: SignedTransaction;
    readonly earlier?: readonly SignedTransaction[];
    readonly head: Block;
    readonly isUncertain: boolean;
  }): PendingTransaction {
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

  async #nonce(): Promise<number> {
    // With nothing on its way the chain is asked anew: a reorg may have taken nonces back.
    const afterOurs = Math.max(-1, ...this.#pending.keys()) + 1;
    if (this.#nextNonce !== undefined && this.#pending.size > 0) return Math.max(afterOurs, this.#nextNonce);
    return Math.max(afterOurs, await this.#account.transactionCount('pending'));
  }

  async #head(): Promise<Block> {
    return this.#options.heads.latest ?? (await this.#options.client.head());
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
    const used = await this.#account.transactionCount('latest');
    await Promise.all([...this.#pending.values()].map((pending) => this.#lookForReceipt(pending)));
    await this.#fillGap(used, head);
    for (const pending of [...this.#pending.values()].sort((a, b) => a.nonce - b.nonce)) {
      if (this.#closed) return;
      if (pending.nonce < used) await this.#noteTaken(pending);
      else if (head.number - pending.sentAtBlock >= this.#options.bumpAfterBlocks)
        await this.#bump(pending, head);
      else if (pending.isUncertain) await this.#sendAgain(pending);
    }
  }

  async #lookForReceipt(pending: PendingTransaction): Promise<void> {
    const receipts = await Promise.all(pending.forms.map(({ hash }) => this.#account.receipt(hash)));
    const receipt = receipts.find((found) => found !== undefined);
    if (receipt === undefined || !this.#pending.delete(pending.nonce)) return;
    await this.#outbox.forget(pending.nonce);
    pending.settled.resolve(receipt);
  }

  async #noteTaken(pending: PendingTransaction): Promise<void> {
    pending.takenSightings += 1;
    if (pending.takenSightings < SIGHTINGS) return;
    this.#pending.delete(pending.nonce);
    await this.#outbox.forget(pending.nonce);
    pending.settled.reject(
      new PonosError('TRANSACTION_STUCK', {
        message: 'another transaction of the account took the nonce',
        facts: { nonce: pending.nonce, account: this.address, transaction: pending.forms.at(-1)?.hash },
        advice: 'Give the account to one node only.',
      }),
    );
  }

  /**
   * Nonces below ours that no transaction has any more, since a reorg undid those that had them: ours would
   * wait behind them for ever. Empty transactions take their place.
   */
  async #fillGap(used: number, head: Block): Promise<void> {
    if (this.#pending.size === 0) return;
    const lowest = Math.min(...this.#pending.keys());
    const pooled = used < lowest ? await this.#account.transactionCount('pending') : lowest;
    if (pooled >= lowest) {
      this.#gapSightings = 0;
      return;
    }
    this.#gapSightings += 1;
    if (this.#gapSightings < SIGHTINGS) return;
    const fees = initialFees(await this.#fees.market(head));
    if (fees === undefined) return;
    const empty = { to: this.address, data: new Uint8Array() };
    const call = { ...empty, gasLimit: withMargin(await this.simulate(empty)) };
    for (let nonce = pooled; nonce < lowest && !this.#closed; nonce++) {
      const transaction = await this.#outbox.sign(call, nonce, fees);
      await this.#outbox.keep({ nonce, subject: undefined, forms: [transaction] });
      try {
        const isUncertain = await this.#outbox.hand(transaction);
        this.#track({ subject: undefined, call, transaction, head, isUncertain });
        this.#logger.warn('a nonce that a reorg took back is filled with an empty transaction', {
          nonce,
          transaction: transaction.hash,
        });
      } catch (error) {
        await this.#outbox.forget(nonce);
        // Something unknown to us waits at this nonce after all.
        if (!isNonceTaken(error)) throw error;
      }
    }
  }

  async #sendAgain(pending: PendingTransaction): Promise<void> {
    const latest = pending.forms.at(-1);
    if (latest === undefined) return;
    try {
      pending.isUncertain = await this.#outbox.hand(latest);
    } catch (error) {
      // What the account cannot pay for must not make the next replacement dearer still.
      if (isPonosError(error, 'FUNDS_INSUFFICIENT') && pending.forms.length > 1) pending.forms.pop();
      this.#warn(pending, 'a transaction was not accepted, trying again at a later block', error);
    }
  }

  async #bump(pending: PendingTransaction, head: Block): Promise<void> {
    const latest = pending.forms.at(-1);
    if (latest === undefined) return;
    const fees = bumpedFees(latest.fees, this.#options.bumpPercent, await this.#fees.market(head));
    pending.sentAtBlock = head.number;
    if (fees === undefined) {
      this.#warn(pending, 'a transaction waits, and its fees are as high as is allowed or can help');
      return this.#sendAgain(pending);
    }
    const { call, nonce, subject, waiter } = pending;
    const replacement = await this.#outbox.sign(call, nonce, fees);
    // When nobody waits for it any more, those behind it still do.
    if (!waiter.signal?.aborted) await waiter.onSigned?.(replacement);
    await this.#outbox.keep({ nonce, subject, forms: [...pending.forms, replacement] });
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

function withMargin(gas: bigint): bigint {
  return (gas * (100n + GAS_MARGIN_PERCENT)) / 100n;
}

function isNonceTaken(error: unknown): boolean {
  if (!isPonosError(error, 'TRANSACTION_REJECTED')) return false;
  return error.facts.reason === 'nonce-too-low' || error.facts.reason === 'replacement-underpriced';
}

/** One for each account and chain; two would use the same nonces. `close` it before the client. */
export function createTransactionSender(options: TransactionSenderOptions): TransactionSender {
  return new TransactionSender(options);
}
