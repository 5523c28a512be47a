/** Stake thresholds, computed as the certificate verifiers compute them. */

const BIPS_DENOMINATOR = 10_000n;

/**
 * The least weight that meets `bips` of `total`, rounded down as the contracts do. Zero bips gives
 * 0: the certificate's need for a signature is then the only condition left.
 */
export function requiredWeight(total: bigint, bips: number): bigint {
  return (total * BigInt(bips)) / BIPS_DENOMINATOR;
}

/**
 * Whether signers of this weight, at least one, meet the threshold. A table without any weight
 * never does: every share of nothing would be met, by anybody.
 */
export function meetsThreshold(weight: bigint, total: bigint, bips: number): boolean {
  return total > 0n && weight >= requiredWeight(total, bips);
}

/** Totals per stake type; a shorter row counts as zero in the types it lacks. */
export function sumWeights(rows: readonly (readonly bigint[])[]): bigint[] {
  const totals: bigint[] = [];
  for (const row of rows) {
    for (const [stakeType, weight] of row.entries()) totals[stakeType] = (totals[stakeType] ?? 0n) + weight;
  }
  return totals;
}

/** The weight with which an operator counts towards a group of equal results: its first stake type. */
export function votingWeight(weights: readonly bigint[]): bigint {
  return weights[0] ?? 0n;
}
