/** Decisions about replaced blocks; pure. */
import { type BlockNumber, blockNumber, type Hash32 } from '../base/brands.js';
import type { BlockRef } from './block.js';

export type ReorgVerdict =
  | { readonly kind: 'none' }
  /** `orphaned` are the remembered blocks above `ancestor`, ascending. */
  | { readonly kind: 'reorg'; readonly ancestor: BlockRef; readonly orphaned: readonly BlockRef[] }
  /** No remembered block within `maxDepth` is on the chain any more. */
  | { readonly kind: 'too-deep'; readonly depth: number };

/**
 * Compares remembered blocks (ascending) with the chain. `canonical` gives the chain's hash at a number,
 * undefined above its head. A chain that merely ends earlier contradicts nothing: the endpoint lags, or the
 * chain was cut and will contradict as soon as it grows.
 *
 * @param isWhole nothing before the first remembered block was ever processed, so its parent can be an ancestor
 */
export function judgeReorg(
  recent: readonly BlockRef[],
  canonical: (number: BlockNumber) => Hash32 | undefined,
  options: { readonly maxDepth: number; readonly isWhole: boolean },
): ReorgVerdict {
  const [oldest] = recent;
  const tip = recent.at(-1);
  const contradicted = recent.some(({ number, hash }) => (canonical(number) ?? hash) !== hash);
  if (oldest === undefined || tip === undefined || !contradicted) return { kind: 'none' };
  const ancestor =
    recent.findLast(({ number, hash }) => canonical(number) === hash) ??
    (options.isWhole ? parentOf(oldest, canonical) : undefined);
  if (ancestor === undefined) return { kind: 'too-deep', depth: tip.number - oldest.number + 1 };
  const depth = tip.number - ancestor.number;
  if (depth > options.maxDepth) return { kind: 'too-deep', depth };
  return { kind: 'reorg', ancestor, orphaned: recent.filter(({ number }) => number > ancestor.number) };
}

function parentOf(
  block: BlockRef,
  canonical: (number: BlockNumber) => Hash32 | undefined,
): BlockRef | undefined {
  if (block.number === 0) return undefined;
  const number = blockNumber(block.number - 1);
  const hash = canonical(number);
  return hash && { number, hash };
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
