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
import { bumpedFees, type FeeMarket, initialFees } from './fees.js';
import type { HeadTracker } from './head-tracker.js';
import {
  createSettlement,
  type PendingTransaction,
  type TransactionCall,
  type TransactionRequest,
} from './pending-transaction.js';
import {
  type Receipt,
  type SignedTransaction,
  signTransaction,
  type TransactionSigner,
} from './transaction.js';

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
  /** Undefined for no cap. */
  readonly maxFeeGwei?: number;
  readonly bumpPercent: number;
  readonly bumpAfterBlocks: number;
}

export class TransactionSender {
  readonly #options: TransactionSenderOptions;
  readonly #account: Account;
  readonly #logger: Logger;
  readonly #capPerGas: bigint | undefined;
  readonly #pending = new Map<number, PendingTransaction>();
  readonly #unsubscribe: () => void;
  /** Broadcasts one after the other, since a nonce is spent only by an accepted transaction. */
  #queue: Promise<unknown> = Promise.resolve();
  #check: Promise<void> | undefined;
  #uncheckedHead: Block | undefined;
  #nextNonce: number | undefined;
  #gapSightings = 0;
  #suggestion: { readonly head: Hash32; readonly priorityFeePerGas: bigint } | undefined;
  #closed = false;

  constructor(options: TransactionSenderOptions) {
    const { client, signer, maxFeeGwei } = options;
    this.#options = options;
    this.#account = new Account(client, signer.address);
    this.#logger = options.logger.child({ chainId: client.chainId, account: signer.address });
    this.#capPerGas = maxFeeGwei === undefined ? undefined : BigInt(Math.round(maxFeeGwei * 1e9));
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
   * Takes care of a transaction that an earlier run has sent, as if this one had: it is replaced when blocks
   * pass it by, and awaited. Undefined when it does not wait in the node's pool, mined or lost.
   * @throws PonosError as `send`
   */
  async resume(
    hash: Hash32,
    settings: Pick<TransactionRequest, 'fields' | 'onSigned'>,
    signal?: AbortSignal,
  ): Promise<Receipt | undefined> {
    const found = await untilAborted(this.#account.pooled(hash), signal);
    if (found === undefined) return undefined;
    const { to, data, nonce, fees, gasLimit } = found;
    const known = this.#pending.get(nonce);
    if (known !== undefined) return untilAborted(known.settled.promise, signal);
    // Signing is deterministic, so that this is the very transaction, ready to be sent again.
    const { signer, client } = this.#options;
    const transaction = await signTransaction(signer, client.chainId, { to, data, gasLimit }, nonce, fees);
    const request = { ...settings, to, data, gas: gasLimit };
    const head = await this.#head();
    if (this.#closed) throw abortError();
    const pending = this.#track({ request, signal, transaction, head, isUncertain: false });
    return untilAborted(pending.settled.promise, signal);
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

  async #broadcast(
    request: TransactionRequest,
    signal: AbortSignal | undefined,
  ): Promise<PendingTransaction> {
    for (let attempt = 1; ; attempt++) {
      if (this.#closed) throw abortError();
      const head = await this.#head();
      const fees = initialFees(await this.#market(head));
      if (fees === undefined) throw this.#capTooLow(head);
      const nonce = await this.#nonce();
      const transaction = await this.#sign(request, nonce, fees);
      await request.onSigned?.(transaction);
      try {
        const isUncertain = await this.#hand(transaction);
        this.#nextNonce = nonce + 1;
        this.#logger.debug('a transaction was sent', {
          ...request.fields,
          transaction: transaction.hash,
          nonce,
        });
        return this.#track({ request, signal, transaction, head, isUncertain });
      } catch (error) {
        if (!isNonceTaken(error) || attempt === MAX_NONCE_ATTEMPTS) throw error;
        this.#nextNonce = Math.max(nonce + 1, await this.#account.transactionCount('pending'));
      }
    }
  }

  /** True when the node did not answer, so that it may or may not have the transaction. */
  async #hand(transaction: SignedTransaction): Promise<boolean> {
    try {
      await this.#account.broadcast(transaction.raw);
      return false;
    } catch (error) {
      if (isPonosError(error, 'CHAIN_UNREACHABLE')) return true;
      throw error;
    }
  }

  #track(sent: {
    readonly request: TransactionRequest;
    readonly signal: AbortSignal | undefined;
    readonly transaction: SignedTransaction;
    readonly head: Block;
    readonly isUncertain: boolean;
  }): PendingTransaction {
    const { request, signal, transaction } = sent;
    const pending: PendingTransaction = {
      request,
      signal,
      nonce: transaction.nonce,
      forms: [transaction],
      settled: createSettlement(),
      sentAtBlock: sent.head.number,
      isUncertain: sent.isUncertain,
      takenSightings: 0,
    };
    this.#pending.set(pending.nonce, pending);
    return pending;
  }

  #sign(
    request: TransactionRequest,
    nonce: number,
    fees: SignedTransaction['fees'],
  ): Promise<SignedTransaction> {
    const gasLimit = (request.gas * (100n + GAS_MARGIN_PERCENT)) / 100n;
    const { signer, client } = this.#options;
    const call = { to: request.to, data: request.data, gasLimit };
    return signTransaction(signer, client.chainId, call, nonce, fees);
  }

  async #nonce(): Promise<number> {
    // With nothing on its way the chain is asked anew: a reorg may have taken nonces back.
    if (this.#nextNonce !== undefined && this.#pending.size > 0) return this.#nextNonce;
    const afterOurs = Math.max(-1, ...this.#pending.keys()) + 1;
    return Math.max(afterOurs, await this.#account.transactionCount('pending'));
  }

  async #head(): Promise<Block> {
    return this.#options.heads.latest ?? (await this.#options.client.head());
  }

  /** The node's suggestion is asked for once for each head. */
  async #market(head: Block): Promise<FeeMarket> {
    if (this.#suggestion?.head !== head.hash) {
      this.#suggestion = { head: head.hash, priorityFeePerGas: await this.#account.priorityFee() };
    }
    const { priorityFeePerGas } = this.#suggestion;
    return { baseFeePerGas: head.baseFeePerGas ?? 0n, priorityFeePerGas, capPerGas: this.#capPerGas };
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
      if (pending.nonce < used) this.#noteTaken(pending);
      else if (pending.isUncertain) await this.#sendAgain(pending);
      else if (head.number - pending.sentAtBlock >= this.#options.bumpAfterBlocks)
        await this.#bump(pending, head);
    }
  }

  async #lookForReceipt(pending: PendingTransaction): Promise<void> {
    const receipts = await Promise.all(pending.forms.map(({ hash }) => this.#account.receipt(hash)));
    const receipt = receipts.find((found) => found !== undefined);
    if (receipt === undefined || !this.#pending.delete(pending.nonce)) return;
    pending.settled.resolve(receipt);
  }

  #noteTaken(pending: PendingTransaction): void {
    pending.takenSightings += 1;
    if (pending.takenSightings < SIGHTINGS) return;
    this.#pending.delete(pending.nonce);
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
    const fees = initialFees(await this.#market(head));
    if (fees === undefined) return;
    const empty = { to: this.address, data: new Uint8Array() };
    const request = { ...empty, gas: await this.simulate(empty) };
    for (let nonce = pooled; nonce < lowest && !this.#closed; nonce++) {
      const transaction = await this.#sign(request, nonce, fees);
      try {
        const isUncertain = await this.#hand(transaction);
        this.#track({ request, signal: undefined, transaction, head, isUncertain });
        this.#logger.warn('a nonce that a reorg took back is filled with an empty transaction', {
          nonce,
          transaction: transaction.hash,
        });
      } catch (error) {
        // Something unknown to us waits at this nonce after all.
        if (!isNonceTaken(error)) throw error;
      }
    }
  }

  async #sendAgain(pending: PendingTransaction): Promise<void> {
    const latest = pending.forms.at(-1);
    if (latest === undefined) return;
    try {
      pending.isUncertain = await this.#hand(latest);
    } catch (error) {
      // What the account cannot pay for must not make the next replacement dearer still.
      if (isPonosError(error, 'FUNDS_INSUFFICIENT') && pending.forms.length > 1) pending.forms.pop();
      this.#warn(pending, 'a transaction was not accepted, trying again at a later block', error);
    }
  }

  async #bump(pending: PendingTransaction, head: Block): Promise<void> {
    const latest = pending.forms.at(-1);
    if (latest === undefined) return;
    const fees = bumpedFees(latest.fees, this.#options.bumpPercent, await this.#market(head));
    pending.sentAtBlock = head.number;
    if (fees === undefined) {
      this.#warn(pending, 'a transaction waits, and its fees are as high as is allowed or can help');
      return this.#sendAgain(pending);
    }
    const replacement = await this.#sign(pending.request, pending.nonce, fees);
    // When nobody waits for it any more, those behind it still do.
    if (!pending.signal?.aborted) await pending.request.onSigned?.(replacement);
    pending.forms.push(replacement);
    this.#logger.info('a transaction is replaced by one with higher fees', {
      ...pending.request.fields,
      nonce: pending.nonce,
      transaction: replacement.hash,
      maxFeePerGas: fees.maxFeePerGas,
    });
    await this.#sendAgain(pending);
  }

  #warn(pending: PendingTransaction, message: string, error?: unknown): void {
    this.#logger.warn(message, {
      ...pending.request.fields,
      nonce: pending.nonce,
      error: error === undefined ? undefined : explain(error),
    });
  }

  #capTooLow(head: Block): PonosError {
    return new PonosError('TRANSACTION_REJECTED', {
      message: `the base fee of chain ${this.#options.client.name} is above maxFeeGwei`,
      facts: { reason: 'fee-cap', baseFeePerGas: head.baseFeePerGas, capPerGas: this.#capPerGas },
      advice: 'Raise tasks.submission.maxFeeGwei, or wait until the base fee falls.',
    });
  }
}

function isNonceTaken(error: unknown): boolean {
  if (!isPonosError(error, 'TRANSACTION_REJECTED')) return false;
  return error.facts.reason === 'nonce-too-low' || error.facts.reason === 'replacement-underpriced';
}

/** One for each account and chain; two would use the same nonces. `close` it before the client. */
export function createTransactionSender(options: TransactionSenderOptions): TransactionSender {
  return new TransactionSender(options);
}
