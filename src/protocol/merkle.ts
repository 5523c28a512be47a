/**
 * The Merkle tree of operator tables: leaves in order, padded with zero words (not hashed) to a
 * power of two, a node is the keccak-256 of its children in order (EigenLayer's Merkle library).
 */
import { concatBytes } from '../base/bytes.js';
import { PonosError } from '../base/error.js';
import { keccak256 } from '../crypto/keccak.js';

const NODE_BYTES = 32;

export interface MerkleTree {
  /** 32 bytes. Without leaves the zero word, which the table calculators give for an empty table. */
  readonly root: Uint8Array;
  /** The siblings from the leaf to the root, concatenated. @throws PonosError INTERNAL outside the leaves */
  proof(index: number): Uint8Array;
}

/** Builds the tree once, for as many proofs as are needed. Leaves are 32 bytes each. */
export function merkleTree(leaves: readonly Uint8Array[]): MerkleTree {
  const levels = buildLevels(leaves);
  return {
    root: levels.at(-1)?.[0] ?? new Uint8Array(NODE_BYTES),
    proof(index) {
      if (!Number.isInteger(index) || index < 0 || index >= leaves.length) {
        throw new PonosError('INTERNAL', {
          message: 'a Merkle proof was asked for a leaf that does not exist',
          facts: { index, leaves: leaves.length },
        });
      }
      const siblings = levels.slice(0, -1).map((level, height) => nodeAt(level, (index >> height) ^ 1));
      return concatBytes(...siblings);
    },
  };
}

/** From the padded leaves up to the level of the root alone; no levels without leaves. */
function buildLevels(leaves: readonly Uint8Array[]): Uint8Array[][] {
  if (leaves.length === 0) return [];
  let level = [...leaves];
  while (!isPowerOfTwo(level.length)) level.push(new Uint8Array(NODE_BYTES));
  const levels = [level];
  while (level.length > 1) {
    const below = level;
    level = Array.from({ length: below.length / 2 }, (_, parent) =>
      keccak256(nodeAt(below, 2 * parent), nodeAt(below, 2 * parent + 1)),
    );
    levels.push(level);
  }
  return levels;
}

function isPowerOfTwo(length: number): boolean {
  return Number.isInteger(Math.log2(length));
}

function nodeAt(level: readonly Uint8Array[], position: number): Uint8Array {
  const node = level[position];
  if (node === undefined)
    throw new PonosError('INTERNAL', { message: 'a level of a Merkle tree has a hole' });
  return node;
}
