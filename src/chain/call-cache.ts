/** Answers of calls at past blocks, which never change unless the block is orphaned. */
import { LRUCache } from 'lru-cache';
import type { BlockNumber } from '../base/brands.js';

/** Entries, of some hundred bytes to some ten kilobytes each. */
const MAX_ENTRIES = 2048;

export class CallCache {
  readonly #entries = new LRUCache<
    string,
    { readonly block: BlockNumber; readonly answer: Promise<Uint8Array> }
  >({
    max: MAX_ENTRIES,
  });

  /** The kept answer, or that of `load`, which all askers of the same key share. Failures are not kept. */
  get(block: BlockNumber, key: string, load: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const fullKey = `${block}:${key}`;
    const kept = this.#entries.get(fullKey);
    if (kept !== undefined) return kept.answer;
    const entry = { block, answer: load() };
    this.#entries.set(fullKey, entry);
    entry.answer.catch(() => {
      if (this.#entries.peek(fullKey) === entry) this.#entries.delete(fullKey);
    });
    return entry.answer;
  }

  /** Drops what was read at this block or later: a reorg replaced them. */
  forgetFrom(block: BlockNumber): void {
    for (const [key, entry] of [...this.#entries.entries()]) {
      if (entry.block >= block) this.#entries.delete(key);
    }
  }
}
