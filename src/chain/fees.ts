/** What a transaction offers for gas (EIP-1559); pure. All amounts in wei per gas. */

export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

export interface FeeMarket {
  readonly baseFeePerGas: bigint;
  /** The node's suggestion. */
  readonly priorityFeePerGas: bigint;
  /** The most that may be offered; undefined for no cap. */
  readonly capPerGas: bigint | undefined;
}

/**
 * Enough for a base fee that doubles, which takes six full blocks. Undefined when the cap is below the
 * present base fee, so that no block could take the transaction.
 */
export function initialFees({ baseFeePerGas, priorityFeePerGas, capPerGas }: FeeMarket): Fees | undefined {
  if (capPerGas !== undefined && capPerGas < baseFeePerGas) return undefined;
  return capped(
    { maxFeePerGas: 2n * baseFeePerGas + priorityFeePerGas, maxPriorityFeePerGas: priorityFeePerGas },
    capPerGas,
  );
}

/** A transaction that offers more than this many times the market's price waits for something else than fees. */
const MOST_TIMES_MARKET = 10n;

/**
 * Fees of a replacement: both amounts raised, since pools ask that of both, and at least what a new
 * transaction would offer. Undefined when the cap leaves no room to raise them, or when they are far above
 * the market's already.
 */
export function bumpedFees(previous: Fees, bumpPercent: number, market: FeeMarket): Fees | undefined {
  const raised = {
    maxFeePerGas: raise(previous.maxFeePerGas, bumpPercent),
    maxPriorityFeePerGas: raise(previous.maxPriorityFeePerGas, bumpPercent),
  };
  if (market.capPerGas !== undefined && raised.maxFeePerGas > market.capPerGas) return undefined;
  const fresh = initialFees(market) ?? raised;
  if (raised.maxFeePerGas > MOST_TIMES_MARKET * fresh.maxFeePerGas) return undefined;
  return capped(
    {
      maxFeePerGas: larger(raised.maxFeePerGas, fresh.maxFeePerGas),
      maxPriorityFeePerGas: larger(raised.maxPriorityFeePerGas, fresh.maxPriorityFeePerGas),
    },
    market.capPerGas,
  );
}

/** Rounded up, so that even 1 wei grows. */
function raise(amount: bigint, percent: number): bigint {
  return (amount * BigInt(100 + percent) + 99n) / 100n;
}

function capped(fees: Fees, capPerGas: bigint | undefined): Fees {
  const maxFeePerGas = smaller(fees.maxFeePerGas, capPerGas ?? fees.maxFeePerGas);
  return { maxFeePerGas, maxPriorityFeePerGas: smaller(fees.maxPriorityFeePerGas, maxFeePerGas) };
}

const larger = (a: bigint, b: bigint) => (a > b ? a : b);
const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
