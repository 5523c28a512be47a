/** What gas costs at a head: the node's suggestion is asked for once for each. */
import type { Hash32 } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import type { Account } from './account.js';
import type { Block } from './block.js';
import { type FeeMarket, type Fees, initialFees } from './fees.js';

export interface FeeQuotesOptions {
  readonly account: Account;
  /** The chain's name in messages. */
  readonly chain: string;
  /** Undefined for no cap. */
  readonly maxFeeGwei: number | undefined;
}

export class FeeQuotes {
  readonly #options: FeeQuotesOptions;
  readonly #capPerGas: bigint | undefined;
  #suggestion: { readonly head: Hash32; readonly priorityFeePerGas: bigint } | undefined;

  constructor(options: FeeQuotesOptions) {
    const { maxFeeGwei } = options;
    this.#options = options;
    this.#capPerGas = maxFeeGwei === undefined ? undefined : BigInt(Math.round(maxFeeGwei * 1e9));
  }

  /** @throws PonosError of the client */
  async market(head: Block): Promise<FeeMarket> {
    if (this.#suggestion?.head !== head.hash) {
      const priorityFeePerGas = await this.#options.account.priorityFee();
      this.#suggestion = { head: head.hash, priorityFeePerGas };
    }
    const { priorityFeePerGas } = this.#suggestion;
    return { baseFeePerGas: head.baseFeePerGas ?? 0n, priorityFeePerGas, capPerGas: this.#capPerGas };
  }

  /** For a new transaction. @throws PonosError TRANSACTION_REJECTED when the base fee is above the cap, and the client's */
  async initial(head: Block): Promise<Fees> {
    const fees = initialFees(await this.market(head));
    if (fees !== undefined) return fees;
    throw new PonosError('TRANSACTION_REJECTED', {
      message: `the base fee of chain ${this.#options.chain} is above maxFeeGwei`,
      facts: { reason: 'fee-cap', baseFeePerGas: head.baseFeePerGas, capPerGas: this.#capPerGas },
      advice: 'Raise tasks.submission.maxFeeGwei, or wait until the base fee falls.',
    });
  }
}
