/**
 * Which blocks were told of at which heights: whether an endpoint contradicts what is known, and whether it speaks for
 * two forks by turns, as a balancer does before nodes that disagree.
 */
import type { BlockRef } from './block.js';

/** Heights that are remembered: the longest reorg that is worth telling from a flip. */
const MOST_HEIGHTS = 256;

interface Told {
  hash: string;
  /** What it was before, oldest first. */
  readonly former: string[];
}

export class ForkMemory {
  readonly #told = new Map<number, Told>();

  /** Whether another block is known to be at this height: a reorg, or somebody who speaks of another chain. */
  contradicts({ number, hash }: BlockRef): boolean {
    const told = this.#told.get(number);
    return told !== undefined && told.hash !== hash;
  }

  /**
   * Takes note of the block that an endpoint says is at a height.
   * @returns true when it has said so before, and something else in between: a chain leaves a fork for good
   */
  tell({ number, hash }: BlockRef): boolean {
    const told = this.#told.get(number);
    if (told === undefined) {
      this.#told.set(number, { hash, former: [] });
      const [oldest] = this.#told.keys();
      if (this.#told.size > MOST_HEIGHTS && oldest !== undefined) this.#told.delete(oldest);
      return false;
    }
    if (told.hash === hash) return false;
    const isBack = told.former.includes(hash);
    if (isBack) told.former.length = 0;
    else told.former.push(told.hash);
    told.hash = hash;
    return isBack;
  }
}
