/** Small statistics over counts and rates. */

export interface BlockFigures {
  readonly median: number;
  readonly p99: number;
  readonly worst: number;
  /** The same for a table's row. */
  readonly cells: readonly string[];
}

export function benchBlocks(blocks: readonly number[]): BlockFigures {
  const sorted = [...blocks].sort((a, b) => a - b);
  const at = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  const [median, p99, worst] = [at(0.5), at(0.99), at(1)];
  return { median, p99, worst, cells: [median, p99, worst].map(String) };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export interface Interval {
  readonly median: number;
  /** Ends of the 95% confidence interval of the median. */
  readonly low: number;
  readonly high: number;
}

const LEAST_VALUES = 7;

/**
 * The median and its confidence interval from the order of the values alone (binomial, by its normal
 * approximation): what else the machine does shows as outliers, which must not move it.
 * @param values at least seven independent ones
 */
export function medianInterval(values: readonly number[]): Interval {
  if (values.length < LEAST_VALUES) throw new Error('an interval of so few values says nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const at = (place: number) => sorted[Math.max(0, Math.min(sorted.length - 1, place))] ?? Number.NaN;
  const half = sorted.length / 2;
  const reach = 0.98 * Math.sqrt(sorted.length);
  return {
    median: (at(Math.floor(half - 0.5)) + at(Math.ceil(half - 0.5))) / 2,
    low: at(Math.floor(half - reach) - 1),
    high: at(Math.ceil(half + reach)),
  };
}
