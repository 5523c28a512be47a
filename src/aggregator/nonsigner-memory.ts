/**
 * Who needs no paid witness: the BN254 verifier keeps the proven data of each non-signer, by table. What it
 * keeps it keeps for ever, so that a yes is remembered here; a no is asked again.
 */
import { LRUCache } from 'lru-cache';
import type { ChainId, OperatorSet } from '../base/brands.js';

/** Tables times their non-signers; each entry is some hundred bytes. */
const MAX_KNOWN = 16_384;

/** An operator table on one chain. */
export interface TableName {
  readonly chainId: ChainId;
  readonly operatorSet: OperatorSet;
  readonly referenceTimestamp: number;
}

export class NonsignerMemory {
  readonly #known = new LRUCache<string, true>({ max: MAX_KNOWN });

  /**
   * The operators, by index, that the verifier has kept; those not known yet are asked for.
   * @throws what `ask` throws
   */
  async cached(
    table: TableName,
    indexes: readonly number[],
    ask: (index: number) => Promise<boolean>,
  ): Promise<ReadonlySet<number>> {
    const known = this.known(table, indexes);
    await Promise.all(
      indexes
        .filter((index) => !known.has(index))
        .map(async (index) => {
          if (await ask(index)) this.#known.set(nameOf(table, index), true);
        }),
    );
    return this.known(table, indexes);
  }

  /** The same without asking anybody. */
  known(table: TableName, indexes: readonly number[]): ReadonlySet<number> {
    return new Set(indexes.filter((index) => this.#known.has(nameOf(table, index))));
  }
}

function nameOf({ chainId, operatorSet, referenceTimestamp }: TableName, index: number): string {
  return `${chainId}:${operatorSet.avs}/${operatorSet.id}:${referenceTimestamp}:${index}`;
}
