/** The written configuration on its way to a checked one: values by canonical keys, and where each came from. */
import type { ConfigProblem } from './problem.js';

/** Where a value was written. */
export interface Origin {
  /** The key as spelled, the flag or the variable. */
  readonly path: string;
  readonly line?: number;
  readonly column?: number;
  /** What was written, fit to be printed. */
  readonly found: string;
}

/** Canonical place of a value: `/avss/0/address`. */
export type Pointer = string;

export interface Draft {
  /** Plain values under the schema's own keys; only known keys, no nulls. */
  readonly values: Record<string, unknown>;
  readonly origins: Map<Pointer, Origin>;
  readonly problems: ConfigProblem[];
  readonly warnings: ConfigProblem[];
}

export function emptyDraft(): Draft {
  return { values: {}, origins: new Map(), problems: [], warnings: [] };
}

/** The origin of a value; for one that is not written, the nearest place above it with the missing keys added. */
export function originOf(draft: Draft, pointer: Pointer): Origin {
  const exact = draft.origins.get(pointer);
  if (exact) return exact;
  const cut = pointer.lastIndexOf('/');
  if (cut < 0) return { path: '', found: '' };
  const parent = originOf(draft, pointer.slice(0, cut));
  const key = pointer.slice(cut + 1);
  const step = /^\d+$/.test(key) ? `[${key}]` : `${parent.path === '' ? '' : '.'}${key}`;
  return { ...parent, path: `${parent.path}${step}`, found: '' };
}

/** A problem at a value's place. */
export function problemAt(draft: Draft, pointer: Pointer, message: string): ConfigProblem {
  const { path, line, column } = originOf(draft, pointer);
  return { path, line, column, message };
}
