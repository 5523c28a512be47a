/**
 * Since when aggregators have the key that they have now. A key is never registered twice, not even after it was taken
 * out: one that is the same at two blocks was it at all blocks between them. So a signature that is not by the key of now
 * needs no look at a block of that time.
 */
import { LRUCache } from 'lru-cache';
import {
  type Address,
  type BlockNumber,
  blockNumber,
  type OperatorSet,
  operatorSetKey,
} from '../base/brands.js';
import { equalKeys, type RegisteredKey } from '../protocol/registered-key.js';

/** An aggregator in its operator set, and the key it has there now. */
export interface KeyHolder {
  readonly operatorSet: OperatorSet;
  readonly aggregator: Address;
  readonly key: RegisteredKey;
}

const MAX_HOLDERS = 10_000;

export class SteadyKeys {
  readonly #since = new LRUCache<string, { readonly key: RegisteredKey; readonly block: BlockNumber }>({
    max: MAX_HOLDERS,
  });

  /** Whether it is known that the holder had its key at this block, too. */
  covers(holder: KeyHolder, block: BlockNumber): boolean {
    const since = this.#known(holder);
    return since !== undefined && since <= block;
  }

  /** It was seen that the holder had its key at this block, too. */
  note(holder: KeyHolder, block: BlockNumber): void {
    const since = Math.min(block, this.#known(holder) ?? block);
    this.#since.set(nameOf(holder), { key: holder.key, block: blockNumber(since) });
  }

  #known(holder: KeyHolder): BlockNumber | undefined {
    const known = this.#since.get(nameOf(holder));
    return known !== undefined && equalKeys(known.key, holder.key) ? known.block : undefined;
  }
}

function nameOf({ operatorSet, aggregator }: KeyHolder): string {
  return `${operatorSetKey(operatorSet)}/${aggregator}`;
}
