/** Which nonce comes next, and which ones a reorg has left without a transaction. */
import type { Account } from './account.js';
import type { PendingTransaction } from './pending-transaction.js';

/** Heads at which a nonce must be seen taken by a stranger, or used by nobody: one endpoint of several may lag. */
export const SIGHTINGS = 3;

export class Nonces {
  readonly #account: Pick<Account, 'transactionCount'>;
  /** By nonce: what was sent and is not in a block yet. */
  readonly #pending: ReadonlyMap<number, PendingTransaction>;
  #next: number | undefined;
  #gapSightings = 0;

  constructor(account: Pick<Account, 'transactionCount'>, pending: ReadonlyMap<number, PendingTransaction>) {
    this.#account = account;
    this.#pending = pending;
  }

  /** For a new transaction. It stays the same until it is spent. @throws PonosError of the client */
  async next(): Promise<number> {
    // With nothing on its way the chain is asked anew: a reorg may have taken nonces back.
    const afterOurs = Math.max(-1, ...this.#pending.keys()) + 1;
    if (this.#next !== undefined && this.#pending.size > 0) return Math.max(afterOurs, this.#next);
    return Math.max(afterOurs, await this.#account.transactionCount('pending'));
  }

  /** A node has taken a transaction with this nonce. */
  spent(nonce: number): void {
    this.#next = nonce + 1;
  }

  /** A node says that it is taken already. @throws PonosError of the client */
  async skip(nonce: number): Promise<void> {
    this.#next = Math.max(nonce + 1, await this.#account.transactionCount('pending'));
  }

  /**
   * Nonces below ours that no transaction has any more, since a reorg undid those that had them: ours would
   * wait behind them for ever. Empty until that was seen at several heads.
   * @param pooled the first nonce that neither a block nor the pool has
   */
  gap(pooled: number): number[] {
    const lowest = Math.min(...this.#pending.keys());
    if (this.#pending.size === 0 || pooled >= lowest) {
      this.#gapSightings = 0;
      return [];
    }
    this.#gapSightings += 1;
    if (this.#gapSightings < SIGHTINGS) return [];
    return Array.from({ length: lowest - pooled }, (_, index) => pooled + index);
  }
}
