/**
 * From a request to a transaction that a node has. One after the other they get their nonces; from there on many go
 * at once: each is signed, kept on the disk, and only then handed to a node.
 */
import { abortError, throwIfAborted } from '../base/clock.js';
import { isPonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Block } from './block.js';
import type { FeeQuotes } from './fee-quotes.js';
import type { Outbox } from './outbox.js';
import type { PendingTransaction, TransactionRequest } from './pending-transaction.js';
import type { SendingGate } from './sending-gate.js';
import { maxCostWei, type SignedTransaction, type UnsignedCall, withMargin } from './transaction.js';
import { isNonceAhead, isNonceTaken } from './transaction-rejection.js';
import type { TransactionWatch } from './transaction-watch.js';

/** Nonces tried for one transaction when somebody else uses the account too. */
const MAX_NONCE_ATTEMPTS = 4;

export interface TransactionDispatchOptions {
  readonly outbox: Outbox;
  readonly fees: FeeQuotes;
  readonly gate: SendingGate;
  readonly watch: TransactionWatch;
  /** The newest block that is known. */
  readonly head: () => Promise<Block>;
  readonly logger: Logger;
}

/** A transaction's place among those of the account. */
interface Place {
  readonly nonce: number;
  readonly head: Block;
  readonly neededWei: bigint;
  /** Whether it tries if an account that was dry can pay again. */
  readonly isTrial: boolean;
  /** Resolves when it is on the disk. */
  readonly kept: Promise<SignedTransaction>;
}

export class TransactionDispatch {
  readonly #options: TransactionDispatchOptions;
  /** The last one that waits for its nonce. */
  #lastPlaced: Promise<unknown> = Promise.resolve();
  /** The last one that is being signed. */
  #lastSigned: Promise<void> = Promise.resolve();
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: TransactionDispatchOptions) {
    this.#options = options;
  }

  /**
   * Resolves when a node has the transaction, or may have it; from then on the watch sees to it.
   * @throws PonosError FUNDS_INSUFFICIENT, TRANSACTION_REJECTED, ABORTED, and those of the journal, the signer and the
   *   client; no node has it then
   */
  async send(request: TransactionRequest, signal: AbortSignal | undefined): Promise<PendingTransaction> {
    const sending = this.#send(request, signal);
    this.#underWay.add(sending);
    try {
      return await sending;
    } finally {
      this.#underWay.delete(sending);
    }
  }

  /** Begins no further one, and waits for those that are under way to a node. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#underWay);
  }

  async #send(request: TransactionRequest, signal: AbortSignal | undefined): Promise<PendingTransaction> {
    const { outbox, gate, watch } = this.#options;
    const { to, data, gas } = request;
    const call = { to, data, gasLimit: withMargin(gas) };
    for (let attempt = 1; ; attempt++) {
      const placed = this.#lastPlaced.then(() => this.#place(call, request, signal));
      this.#lastPlaced = placed.catch(() => undefined);
      const place = await placed;
      request.onPlaced?.();
      try {
        return await this.#hand(place, call, request, signal);
      } catch (error) {
        const { nonce, neededWei } = place;
        if (isPonosError(error, 'FUNDS_INSUFFICIENT')) await gate.ranDry(neededWei);
        // Before the nonce is anybody else's: what is kept for it then is the other one.
        await outbox.forget(nonce);
        if (!isNonceTaken(error)) watch.nonces.release(nonce);
        else await watch.nonces.skip(nonce);
        if (!isNonceTaken(error) || attempt === MAX_NONCE_ATTEMPTS) throw error;
      }
    }
  }

  /** Whatever can fail without a nonce comes before it gets one. */
  async #place(
    call: UnsignedCall,
    request: TransactionRequest,
    signal: AbortSignal | undefined,
  ): Promise<Place> {
    const { watch, fees, gate } = this.#options;
    await watch.nonces.room();
    throwIfAborted(signal);
    if (this.#closed) throw abortError();
    const head = await this.#options.head();
    const offered = await fees.initial(head);
    const neededWei = maxCostWei({ gasLimit: call.gasLimit, fees: offered });
    const isTrial = await gate.requireFunds(neededWei);
    const nonce = await watch.nonces.reserve();
    const kept = this.#keep(this.#options.outbox.sign(call, nonce, offered), request);
    return { nonce, head, neededWei, isTrial, kept };
  }

  /**
   * Written in the order of nonces, however long signing takes, and together where they come together: what is on the
   * disk when the process dies has no gaps, which the next run would have to wait behind.
   */
  #keep(
    signing: Promise<SignedTransaction>,
    { subject, onSigned }: TransactionRequest,
  ): Promise<SignedTransaction> {
    const signed = this.#lastSigned.then(() => signing);
    const kept = signed.then(async (transaction) => {
      const { nonce } = transaction;
      await Promise.all([
        onSigned?.(transaction),
        this.#options.outbox.keep({ nonce, subject, forms: [transaction] }),
      ]);
      return transaction;
    });
    const over = () => undefined;
    this.#lastSigned = signed.then(over, over);
    // Both are told to whoever awaits `kept`, maybe later.
    signing.catch(over);
    kept.catch(over);
    return kept;
  }

  async #hand(
    { nonce, head, isTrial, kept }: Place,
    call: UnsignedCall,
    { subject, fields, onSigned, onSent, isNeeded }: TransactionRequest,
    signal: AbortSignal | undefined,
  ): Promise<PendingTransaction> {
    const { watch, gate, logger } = this.#options;
    const transaction = await kept;
    logger.debug('a transaction is kept, and is sent now', {
      ...fields,
      transaction: transaction.hash,
      nonce,
    });
    const isUncertain = await this.#handInTurn(transaction);
    const waiter = { fields, onSigned, isNeeded, signal };
    const pending = watch.track({ subject, call, waiter, transaction, head, isUncertain });
    watch.nonces.spent(nonce);
    if (isTrial && !isUncertain) gate.paid();
    onSent?.(transaction);
    return pending;
  }

  /**
   * Some nodes take no transaction before those with lower nonces: then it waits for these. When that does not help,
   * the others are still on their way elsewhere, and it is sent again at each head.
   * @returns true when nobody knows whether a node has it. @throws as `Outbox.hand`
   */
  async #handInTurn(transaction: SignedTransaction): Promise<boolean> {
    const { outbox, watch } = this.#options;
    const { nonce } = transaction;
    const isTooEarly = (error: unknown) => isNonceAhead(error) && watch.nonces.hasEarlier(nonce);
    try {
      return await outbox.hand(transaction);
    } catch (error) {
      if (!isTooEarly(error)) throw error;
    }
    await watch.nonces.earlierSent(nonce);
    try {
      return await outbox.hand(transaction);
    } catch (error) {
      if (!isTooEarly(error)) throw error;
      return true;
    }
  }
}
