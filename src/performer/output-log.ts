/** What performers print, kept for a while and told to whoever follows it. */
import type { Address } from '../base/brands.js';

export interface OutputLine {
  readonly avs: Address;
  /** The id of the instance. */
  readonly performer: string;
  /** When it was read. */
  readonly atMs: number;
  /** Without secrets, cut if it is long. */
  readonly line: string;
}

export interface OutputSelection {
  /** Undefined: of all. */
  readonly avs?: Address;
  readonly performer?: string;
}

/** Lines of an AVS that are kept, those of performers that are gone included: they say why. */
const KEPT_LINES = 1_000;
/** AVSs whose lines are kept; the one that printed nothing for longest is forgotten first. */
const KEPT_AVSS = 256;

export class OutputLog {
  readonly #lines = new Map<Address, OutputLine[]>();
  readonly #followers = new Set<(line: OutputLine) => void>();

  readonly write = (line: OutputLine): void => {
    const lines = this.#lines.get(line.avs) ?? [];
    this.#lines.delete(line.avs);
    this.#lines.set(line.avs, lines);
    lines.push(line);
    // Cut now and then: cutting at every line would move all the others each time.
    if (lines.length >= 2 * KEPT_LINES) lines.splice(0, lines.length - KEPT_LINES);
    const [oldest] = this.#lines.keys();
    if (this.#lines.size > KEPT_AVSS && oldest !== undefined) this.#lines.delete(oldest);
    for (const follower of this.#followers) follower(line);
  };

  /** The last so many, in the order in which they were read. */
  recent(selection: OutputSelection, count: number): readonly OutputLine[] {
    const found = [...this.#lines.values()]
      .flatMap((lines) => lines.slice(-KEPT_LINES))
      .filter((line) => isSelected(selection, line))
      .sort((a, b) => a.atMs - b.atMs);
    return count === 0 ? [] : found.slice(-count);
  }

  /** Calls for every line from now on, until the returned function is called. */
  follow(selection: OutputSelection, listener: (line: OutputLine) => void): () => void {
    const follower = (line: OutputLine) => {
      if (isSelected(selection, line)) listener(line);
    };
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }
}

function isSelected(selection: OutputSelection, { avs, performer }: OutputLine): boolean {
  return (selection.avs ?? avs) === avs && (selection.performer ?? performer) === performer;
}
