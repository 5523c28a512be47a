/** One thing that is wrong (or odd) in a configuration, and its line for the reader. */

export interface ConfigProblem {
  /** Where: the key as spelled in the file (`avss[0].address`), a flag or a variable; empty: the file itself. */
  readonly path: string;
  /** Position in the file, counted from 1; absent for flags and variables. */
  readonly line?: number;
  readonly column?: number;
  /** What was found and what is allowed. Never holds a secret. */
  readonly message: string;
}

/** `node.yaml:12:5: avss[0].address: found "0x...", expected an address`. */
export function renderProblem(problem: ConfigProblem, file: string | undefined): string {
  const place =
    problem.line === undefined || file === undefined
      ? ''
      : `${file}:${problem.line}:${problem.column ?? 1}: `;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return `${place}${path}${problem.message}`;
}

/** In the order of the file; what has no line comes last. */
export function byPosition(a: ConfigProblem, b: ConfigProblem): number {
  const line = (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER);
  return line === 0 ? (a.column ?? 0) - (b.column ?? 0) : line;
}
