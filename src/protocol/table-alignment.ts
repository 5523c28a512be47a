/** From a BN254 table calculator's two lists to the leaves of the tree, each with its operator. */
import type { Address } from '../base/brands.js';
import { PonosError } from '../base/error.js';
import type { Bn254OperatorInfo } from './operator-table.js';

/** An entry of `getOperatorSetWeights`. */
export interface OperatorWeights {
  readonly operator: Address;
  readonly weights: readonly bigint[];
}

/** A leaf of the table's tree and the operator behind it. */
export interface TableLeaf extends Bn254OperatorInfo {
  readonly operator: Address;
  /** Position among the leaves: the operator's index in certificates. */
  readonly index: number;
}

/**
 * The leaves in tree order. `weights` and `infos` (`getOperatorInfos`, read at the same block) have
 * one entry per operator with stake, in the same order; an operator without a registered key is a
 * hole of zeros in `infos`, and the tree is built without the holes. So an index is a position among
 * the leaves, never one among members or among the entries of either list.
 *
 * The caller compares `operatorTableRoot(leaves)` with the root that the verifier holds.
 * @throws PonosError TASK_REFUSED when the lists do not belong together
 */
export function alignTable(
  weights: readonly OperatorWeights[],
  infos: readonly Bn254OperatorInfo[],
): TableLeaf[] {
  if (weights.length !== infos.length) {
    throw new PonosError('TASK_REFUSED', {
      message: 'the table calculator lists different numbers of operators and of operator infos',
      facts: { operators: weights.length, operatorInfos: infos.length },
    });
  }
  const leaves: TableLeaf[] = [];
  const operators = new Set<Address>();
  const pubkeys = new Set<string>();
  for (const [position, info] of infos.entries()) {
    const entry = weights[position];
    if (entry === undefined || isHole(info)) continue;
    if (!sameWeights(entry.weights, info.weights)) {
      throw new PonosError('TASK_REFUSED', {
        message: 'the table calculator names two different weights for one operator',
        facts: { operator: entry.operator, position },
      });
    }
    const pubkey = `${info.pubkey.x}/${info.pubkey.y}`;
    if (operators.has(entry.operator) || pubkeys.has(pubkey)) {
      throw new PonosError('TASK_REFUSED', {
        message: 'the table calculator names an operator or a public key twice',
        facts: { operator: entry.operator, position },
      });
    }
    operators.add(entry.operator);
    pubkeys.add(pubkey);
    leaves.push({
      operator: entry.operator,
      pubkey: info.pubkey,
      weights: info.weights,
      index: leaves.length,
    });
  }
  return leaves;
}

/** The default value of a struct in Solidity: no key was registered when the list was made. */
function isHole(info: Bn254OperatorInfo): boolean {
  return info.pubkey.x === 0n && info.pubkey.y === 0n;
}

function sameWeights(a: readonly bigint[], b: readonly bigint[]): boolean {
  return a.length === b.length && a.every((weight, stakeType) => weight === b[stakeType]);
}
