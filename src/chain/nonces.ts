/**
 * Which nonce a transaction gets, while many are being sent: in order, none twice, and those given back first, since
 * whatever has a later one waits for them. Also which ones nothing has any more.
 */
import { createOutcome, type Outcome } from '../base/outcome.js';
import type { Account } from './account.js';
import type { PendingTransaction } from './pending-transaction.js';

/** Told of one gap at once: an endpoint that forgets everything must not have us fill all of the account's history. */
const MOST_MISSING = 64;

/** Heads at which a nonce must be seen taken by a stranger, or used by nobody: one endpoint of several may lag. */
export const SIGHTINGS = 3;

/**
 * Transactions that may be under way to a node at once. Half of the connections to an endpoint: while sends hang, as
 * before a sequencer that is slow, everything else can still be asked.
 */
export const MOST_SENDING = 8;

export class Nonces {
  readonly #account: Pick<Account, 'transactionCount'>;
  /** By nonce: what was sent and is not in a block yet. */
  readonly #pending: ReadonlyMap<number, PendingTransaction>;
  /** Reserved, with what resolves when it is known whether a node has taken a transaction with it. */
  readonly #sending = new Map<number, Outcome<void>>();
  /** Below `#next`: given back while later ones were reserved. */
  readonly #free = new Set<number>();
  /** Above all that were ever reserved; undefined until the chain was asked. */
  #next: number | undefined;
  /** Heads in a row at which each nonce was seen to be missing. */
  #gapSightings: ReadonlyMap<number, number> = new Map();

  constructor(account: Pick<Account, 'transactionCount'>, pending: ReadonlyMap<number, PendingTransaction>) {
    this.#account = account;
    this.#pending = pending;
  }

  /** Resolves when one more transaction may be under way. */
  async room(): Promise<void> {
    while (this.#sending.size >= MOST_SENDING) {
      await Promise.race([...this.#sending.values()].map(({ promise }) => promise));
    }
  }

  /**
   * For a new transaction: until `spent`, `release` or `skip` tells what became of it. One caller at a time.
   * @throws PonosError of the client
   */
  async reserve(): Promise<number> {
    // With nothing on its way the chain is asked anew: a reorg may have taken nonces back.
    if (this.#next === undefined || this.#pending.size + this.#sending.size === 0) {
      const counted = await this.#account.transactionCount('pending');
      this.#free.clear();
      this.#next = counted;
    }
    const ours = [...this.#pending.keys(), ...this.#sending.keys()];
    for (const nonce of ours) this.#free.delete(nonce);
    const nonce = Math.min(Math.max(this.#next, ...ours.map((one) => one + 1)), ...this.#free);
    this.#begin(nonce);
    return nonce;
  }

  /** Reserves a certain one, as of a gap; false when something of ours has it. */
  claim(nonce: number): boolean {
    if (this.#pending.has(nonce) || this.#sending.has(nonce)) return false;
    this.#begin(nonce);
    return true;
  }

  /** A node has a transaction with this nonce, or may have it: it is among the pending ones. */
  spent(nonce: number): void {
    this.#end(nonce);
  }

  /** No node has a transaction of ours with this nonce, and none will: the next transaction gets it. */
  release(nonce: number): void {
    this.#end(nonce);
    this.#free.add(nonce);
    while (this.#next !== undefined && this.#free.delete(this.#next - 1)) this.#next -= 1;
  }

  /** A node says that somebody else's transaction has it. @throws PonosError of the client */
  async skip(nonce: number): Promise<void> {
    this.#end(nonce);
    const counted = await this.#account.transactionCount('pending');
    this.#next = Math.max(this.#next ?? 0, nonce + 1, counted);
    for (const free of [...this.#free]) if (free < counted) this.#free.delete(free);
  }

  /** Resolves when it is known of all reserved nonces below this one whether a node has them. */
  async earlierSent(nonce: number): Promise<void> {
    const earlier = [...this.#sending].filter(([sending]) => sending < nonce);
    await Promise.all(earlier.map(([, { promise }]) => promise));
  }

  /** Whether a transaction of ours with a lower nonce is on its way, so that a node may want to have that one first. */
  hasEarlier(nonce: number): boolean {
    return [...this.#pending.keys(), ...this.#sending.keys()].some((other) => other < nonce);
  }

  /**
   * Nonces below the last of ours that no transaction has any more, since a reorg undid those that had them, or nodes
   * refused them: ours would wait behind them for ever. Each is told of once it was missing at several heads in a row.
   * @param pooled the first nonce that neither a block nor the pool has
   */
  gap(pooled: number): number[] {
    const last = Math.max(...this.#pending.keys());
    const sightings = new Map<number, number>();
    for (let nonce = pooled; nonce < last && sightings.size < MOST_MISSING; nonce++) {
      if (this.#pending.has(nonce) || this.#sending.has(nonce)) continue;
      sightings.set(nonce, (this.#gapSightings.get(nonce) ?? 0) + 1);
    }
    this.#gapSightings = sightings;
    return [...sightings.keys()].filter((nonce) => (sightings.get(nonce) ?? 0) >= SIGHTINGS);
  }

  #begin(nonce: number): void {
    this.#free.delete(nonce);
    this.#sending.set(nonce, createOutcome<void>());
    if (this.#next !== undefined) this.#next = Math.max(this.#next, nonce + 1);
  }

  #end(nonce: number): void {
    this.#sending.get(nonce)?.resolve();
    this.#sending.delete(nonce);
  }
}
