/** What a benchmark returns. */
export interface BenchResult {
  readonly question: string;
  /** The first row is the heading. */
  readonly table: readonly (readonly string[])[];
  /** What must hold, as ratios or counts, never as absolute times of one machine. */
  readonly claim: string;
  readonly passed: boolean;
  readonly figures: Readonly<Record<string, unknown>>;
}
