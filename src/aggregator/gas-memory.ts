/**
 * Simulating without estimating: to estimate gas, a node runs a call a dozen times, and a certificate's
 * check is dear. Results of one kind need nearly the same gas, so only the first of a kind is estimated;
 * the others are run once, with the gas that was found.
 */
import { LRUCache } from 'lru-cache';
import { toHex } from '../base/bytes.js';
import { isPonosError } from '../base/error.js';
import { parseData, toQuantity } from '../chain/block.js';
import type { ChainClient } from '../chain/client.js';
import type { TransactionCall } from '../chain/pending-transaction.js';
import type { TransactionSender } from '../chain/transaction-sender.js';

/** Operator sets times numbers of signers; each entry is a few bytes. */
const MAX_KINDS = 1_024;

/** Allowed above the gas of the first of a kind; the sender's own margin is larger. */
const TOLERANCE_PERCENT = 10n;

export interface Simulation {
  readonly client: Pick<ChainClient, 'ask'>;
  readonly sender: Pick<TransactionSender, 'simulate' | 'address'>;
  readonly call: TransactionCall;
  /** Equal for calls that need nearly the same gas. */
  readonly kind: string;
}

export class GasMemory {
  readonly #known = new LRUCache<string, Promise<bigint>>({ max: MAX_KINDS });

  /** Gas that the call needs at the head. @throws PonosError CONTRACT_REVERTED, and the client's */
  async simulate(simulation: Simulation): Promise<bigint> {
    const { kind } = simulation;
    const earlier = this.#known.get(kind);
    if (earlier === undefined) return this.#estimate(simulation);
    // The first of the kind may have failed for reasons of its own.
    const gas = await earlier.catch(() => undefined);
    if (gas !== undefined && (await runsWith(simulation, gas))) return gas;
    return this.#estimate(simulation);
  }

  #estimate({ kind, sender, call }: Simulation): Promise<bigint> {
    const estimate = sender.simulate(call);
    this.#known.set(kind, estimate);
    estimate.catch(() => {
      if (this.#known.peek(kind) === estimate) this.#known.delete(kind);
    });
    return estimate;
  }
}

/** False when the call reverts, which too little gas may be the cause of: the estimate will tell. */
async function runsWith({ client, sender, call }: Simulation, gas: bigint): Promise<boolean> {
  const allowed = (gas * (100n + TOLERANCE_PERCENT)) / 100n;
  const transaction = { from: sender.address, to: call.to, data: toHex(call.data), gas: toQuantity(allowed) };
  try {
    await client.ask('eth_call', [transaction, 'latest'], 'single', parseData);
    return true;
  } catch (error) {
    if (isPonosError(error, 'CONTRACT_REVERTED') || isPonosError(error, 'CHAIN_RPC')) return false;
    throw error;
  }
}
