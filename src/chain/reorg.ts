/** Decisions about replaced blocks; pure. */
import type { BlockNumber, Hash32 } from '../base/brands.js';
import type { Block, BlockRef } from './block.js';

export type ReorgVerdict =
  | { readonly kind: 'none' }
  /** `orphaned` are the remembered blocks above `ancestor`, ascending. */
  | { readonly kind: 'reorg'; readonly ancestor: BlockRef; readonly orphaned: readonly BlockRef[] }
  /** No remembered block within `maxDepth` is on the chain any more; `ancestor` is the newest below, if any is. */
  | { readonly kind: 'too-deep'; readonly depth: number; readonly ancestor: BlockRef | undefined };

/**
 * Compares remembered blocks (ascending) with the chain. `canonical` gives the chain's hash at a number,
 * undefined above its head. A chain that merely ends earlier contradicts nothing: the endpoint lags, or the
 * chain was cut and will contradict as soon as it grows.
 */
export function judgeReorg(
  recent: readonly BlockRef[],
  canonical: (number: BlockNumber) => Hash32 | undefined,
  maxDepth: number,
): ReorgVerdict {
  const [oldest] = recent;
  const tip = recent.at(-1);
  const contradicted = recent.some(({ number, hash }) => (canonical(number) ?? hash) !== hash);
  if (oldest === undefined || tip === undefined || !contradicted) return { kind: 'none' };
  const ancestor = recent.findLast(({ number, hash }) => canonical(number) === hash);
  const depth = tip.number - (ancestor?.number ?? oldest.number - 1);
  if (ancestor === undefined || depth > maxDepth) return { kind: 'too-deep', depth, ancestor };
  return { kind: 'reorg', ancestor, orphaned: recent.filter(({ number }) => number > ancestor.number) };
}

/** `recent` with newer blocks appended, cut to the newest `keep`. */
export function remember(
  recent: readonly BlockRef[],
  blocks: readonly BlockRef[],
  keep: number,
): readonly BlockRef[] {
  const added = blocks.map(({ number, hash }) => ({ number, hash }));
  return [...recent, ...added].slice(-keep);
}

/** Whether `head` is the cursor, or its child. */
export function isLinked(cursor: BlockRef, head: Block): boolean {
  return head.hash === cursor.hash || (head.number === cursor.number + 1 && head.parentHash === cursor.hash);
}
