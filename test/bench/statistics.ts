/** Small statistics over counts. */

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
