/**
 * Holds back new transactions while none can be paid for: the account is dry, or the base fee is above the cap.
 * Told once for the account, not by everyone who waits; it opens by itself when funds arrive or the fee falls.
 */
import { formatEther } from 'ethers';
import { abortError, throwIfAborted } from '../base/clock.js';
import { isPonosError, PonosError } from '../base/error.js';
import type { Logger } from '../base/logger.js';
import type { Account } from './account.js';
import type { Block } from './block.js';
import type { FeeQuotes } from './fee-quotes.js';
import type { HeadTracker } from './head-tracker.js';

/** Between two reminders of the same account that is dry, by the chain's time. */
const REMINDER_SECONDS = 3_600;

export interface SendingGateOptions {
  readonly account: Pick<Account, 'balance'>;
  readonly fees: Pick<FeeQuotes, 'isAboveCap' | 'aboveCap'>;
  readonly heads: HeadTracker;
  /** Names chain and account in every line. */
  readonly logger: Logger;
}

/** The reason of a transaction that was replaced by an empty one, since nobody needed it any more. */
export const WITHDRAWN = 'withdrawn';

interface Waiting {
  pass(): void;
  end(reason: PonosError): void;
}

export class SendingGate {
  readonly #options: SendingGateOptions;
  readonly #waiting = new Set<Waiting>();
  readonly #unsubscribe: () => void;
  /** What the last transaction needed that could not be paid for. */
  #dry: { neededWei: bigint; toldAtSeconds: number } | undefined;
  #capTold = false;
  #check: Promise<void> | undefined;
  #closed = false;

  constructor(options: SendingGateOptions) {
    this.#options = options;
    this.#unsubscribe = options.heads.subscribe((head) => {
      this.#check ??= this.#look(head).finally(() => {
        this.#check = undefined;
      });
    });
  }

  /** Whether the account is dry and results wait: the first of them that it can pay for takes the lowest free nonce. */
  get holdsBackResults(): boolean {
    return this.#dry !== undefined && this.#waiting.size > 0;
  }

  /**
   * Resolves when a transaction may be sent: at once, unless it is known that none can be. While the account is dry
   * one after the other goes, a block apart, so that not all of them try what the node may refuse to the first.
   * @param onWait called with what is in the way
   * @throws PonosError ABORTED
   */
  async pass(signal: AbortSignal, onWait: (obstacle: PonosError) => void): Promise<void> {
    throwIfAborted(signal);
    if (this.#closed) throw abortError();
    const obstacle = this.#obstacle();
    if (obstacle === undefined) return;
    onWait(obstacle);
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiting);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => waiting.end(abortError(signal));
      const waiting: Waiting = {
        pass: () => {
          leave();
          resolve();
        },
        end: (reason) => {
          leave();
          reject(reason);
        },
      };
      this.#waiting.add(waiting);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * While the account is dry, looks at the balance before anything is signed for it. An OP chain wants its fee for L1
   * on top, so that enough by this count may still be refused by the node; the node has the last word.
   * @returns whether the account is dry: then this one tries whether it still is
   * @throws PonosError FUNDS_INSUFFICIENT, and the client's
   */
  async requireFunds(neededWei: bigint): Promise<boolean> {
    const dry = this.#dry;
    if (dry === undefined) return false;
    const balanceWei = await this.#options.account.balance();
    if (balanceWei >= neededWei) return true;
    dry.neededWei = neededWei;
    throw insufficient(neededWei, balanceWei);
  }

  /** A node has refused a transaction since the account cannot pay for it. */
  async ranDry(neededWei: bigint): Promise<void> {
    const { account, heads, logger } = this.#options;
    const isNews = this.#dry === undefined;
    const toldAtSeconds = this.#dry?.toldAtSeconds ?? heads.latest?.timestampSeconds ?? 0;
    this.#dry = { neededWei, toldAtSeconds };
    if (!isNews) return;
    // What it has is for people to read; that it is not enough is known without it.
    const balanceWei = await account.balance().catch(() => undefined);
    logger.error(
      'the account that pays for results is dry; they wait, and are sent when it has funds again',
      {
        balanceEth: balanceWei === undefined ? 'unknown' : formatEther(balanceWei),
        neededEth: formatEther(neededWei),
      },
    );
  }

  /**
   * A node has taken a transaction that was begun while the account was dry. Of one that was begun before, its answer
   * says nothing: it was sent beside the one that was refused.
   */
  paid(): void {
    if (this.#dry === undefined) return;
    this.#dry = undefined;
    this.#options.logger.info('the account can pay for results again', { waiting: this.#waiting.size });
    if (this.#obstacle() === undefined) for (const waiting of [...this.#waiting]) waiting.pass();
  }

  /** Ends all waits with ABORTED. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    for (const waiting of [...this.#waiting]) waiting.end(abortError());
    await this.#check;
  }

  #obstacle(): PonosError | undefined {
    const { fees, heads } = this.#options;
    if (this.#dry !== undefined) return insufficient(this.#dry.neededWei);
    return heads.latest !== undefined && fees.isAboveCap(heads.latest)
      ? fees.aboveCap(heads.latest)
      : undefined;
  }

  async #look(head: Block): Promise<void> {
    if (this.#lookAtCap(head)) return;
    if (this.#dry !== undefined) return this.#lookAtFunds(this.#dry, head);
    for (const waiting of [...this.#waiting]) waiting.pass();
  }

  /** @returns whether the base fee is above the cap */
  #lookAtCap(head: Block): boolean {
    const { fees, logger } = this.#options;
    const isAbove = fees.isAboveCap(head);
    if (isAbove && !this.#capTold && this.#waiting.size > 0) {
      this.#capTold = true;
      logger.warn('the base fee is above maxFeeGwei; results wait until it falls', {
        baseFeePerGas: head.baseFeePerGas,
      });
    }
    if (!isAbove && this.#capTold) {
      this.#capTold = false;
      logger.info('the base fee is below maxFeeGwei again', { baseFeePerGas: head.baseFeePerGas });
    }
    return isAbove;
  }

  async #lookAtFunds(dry: { neededWei: bigint; toldAtSeconds: number }, head: Block): Promise<void> {
    const [first] = this.#waiting;
    if (first === undefined) return;
    const { account, logger } = this.#options;
    try {
      const balanceWei = await account.balance();
      // How much it takes changes with the fees: whoever is let through counts anew before anything is signed.
      if (balanceWei > 0n) first.pass();
      if (head.timestampSeconds - dry.toldAtSeconds < REMINDER_SECONDS) return;
      dry.toldAtSeconds = head.timestampSeconds;
      logger.error('the account that pays for results is still dry', {
        balanceEth: formatEther(balanceWei),
        neededEth: formatEther(dry.neededWei),
        waiting: this.#waiting.size,
      });
    } catch (error) {
      logger.debug('the balance cannot be read now, trying again at the next block', { error });
    }
  }
}

function insufficient(neededWei: bigint, balanceWei?: bigint): PonosError {
  return new PonosError('FUNDS_INSUFFICIENT', {
    message: 'the account cannot pay for the transaction',
    facts: { neededWei, balanceWei },
    advice: 'Send native currency to the account of operatorPrivateKey on this chain.',
  });
}

/** Whether the sender has told of it, once for the account or the transaction, so that nobody else needs to. */
export function isToldBySender(error: unknown): boolean {
  if (!isPonosError(error)) return false;
  const { reason } = error.facts;
  return error.code === 'FUNDS_INSUFFICIENT' || reason === 'fee-cap' || reason === WITHDRAWN;
}
