/** What rules between keys find, and what they may know of the text. */
import { type Draft, type Pointer, problemAt } from './draft.js';

export class Findings {
  readonly #draft: Draft;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  problem(pointer: Pointer, message: string): void {
    this.#draft.problems.push(problemAt(this.#draft, pointer, message));
  }

  warning(pointer: Pointer, message: string): void {
    this.#draft.warnings.push(problemAt(this.#draft, pointer, message));
  }

  /** Whether anything was written there, sound or not: a wrong value is reported once, not as missing too. */
  isWritten(pointer: Pointer): boolean {
    return this.#draft.origins.has(pointer);
  }

  /** Reports each value that stands in the list a second time, as `key` of its item. */
  repeated(list: Pointer, key: string, values: readonly (string | number | undefined)[] = []): void {
    values.forEach((value, index) => {
      if (value !== undefined && values.indexOf(value) < index) {
        this.problem(`${list}/${index}/${key}`, `found ${value} a second time; keep one of them`);
      }
    });
  }
}
