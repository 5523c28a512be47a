/** What gas costs at a head: the node's suggestion is asked for once for each. */
import type { Hash32 } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import type { Account } from './account.js';
import type { Block } from './block.js';
import { type FeeMarket, type Fees, initialFees } from './fees.js';

export interface FeeQuotesOptions {
  readonly account: Pick<Account, 'priorityFee'>;
  /** The chain's name in messages. */
  readonly chain: string;
  /** Undefined for no cap. */
  readonly maxFeeGwei: number | undefined;
}

export class FeeQuotes {
  readonly #options: FeeQuotesOptions;
  readonly #capPerGas: bigint | undefined;
  #suggestion: { readonly head: Hash32; readonly priorityFeePerGas: Promise<bigint> } | undefined;

  constructor(options: FeeQuotesOptions) {
    const { maxFeeGwei } = options;
    this.#options = options;
    this.#capPerGas = maxFeeGwei === undefined ? undefined : BigInt(Math.round(maxFeeGwei * 1e9));
  }

  /** Whether no transaction can be sent for now. */
  isAboveCap({ baseFeePerGas }: Block): boolean {
    return this.#capPerGas !== undefined && baseFeePerGas !== undefined && baseFeePerGas > this.#capPerGas;
  }

  /** @throws PonosError CHAIN_RPC when the head has no base fee, and the client's */
  async market(head: Block): Promise<FeeMarket> {
    const priorityFeePerGas = await this.#priorityFee(head);
    return { baseFeePerGas: this.#baseFee(head), priorityFeePerGas, capPerGas: this.#capPerGas };
  }

  /** Asked for once by all who ask at the same head; a failure is not kept. */
  #priorityFee({ hash: head }: Block): Promise<bigint> {
    if (this.#suggestion?.head === head) return this.#suggestion.priorityFeePerGas;
    const suggestion = { head, priorityFeePerGas: this.#options.account.priorityFee() };
    this.#suggestion = suggestion;
    suggestion.priorityFeePerGas.catch(() => {
      if (this.#suggestion === suggestion) this.#suggestion = undefined;
    });
    return suggestion.priorityFeePerGas;
  }

  /** For a new transaction. @throws PonosError TRANSACTION_REJECTED when the base fee is above the cap, and the client's */
  async initial(head: Block): Promise<Fees> {
    const fees = initialFees(await this.market(head));
    if (fees !== undefined) return fees;
    throw this.aboveCap(head);
  }

  /** TRANSACTION_REJECTED with the reason `fee-cap`. */
  aboveCap({ baseFeePerGas }: Block): PonosError {
    return new PonosError('TRANSACTION_REJECTED', {
      message: `the base fee of chain ${this.#options.chain} is above maxFeeGwei`,
      facts: { reason: 'fee-cap', baseFeePerGas, capPerGas: this.#capPerGas },
      advice: 'Raise tasks.submission.maxFeeGwei, or wait until the base fee falls.',
    });
  }

  #baseFee({ baseFeePerGas, number }: Block): bigint {
    if (baseFeePerGas !== undefined) return baseFeePerGas;
    throw new PonosError('CHAIN_RPC', {
      message: `a block of chain ${this.#options.chain} was told without its base fee`,
      facts: { block: number },
    });
  }
}

/**
 * Transactions are of the kind of EIP-1559, which every chain that Hourglass runs on has; others are refused at the
 * start rather than at the first result.
 * @throws PonosError NOT_BUILT_YET
 */
export function requireBaseFee({ baseFeePerGas }: Block, chain: string): void {
  if (baseFeePerGas !== undefined) return;
  throw new PonosError('NOT_BUILT_YET', {
    message: `chain ${chain} has no base fee: it does not take EIP-1559 transactions, and no others are sent here`,
    advice: 'Use a chain after its London upgrade.',
  });
}
