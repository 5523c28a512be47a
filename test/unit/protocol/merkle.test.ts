import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes } from '../../../src/base/bytes.js';
import { keccak256 } from '../../../src/crypto/keccak.js';
import { merkleTree } from '../../../src/protocol/merkle.js';
import { verifyMerkleProof } from '../../support/merkle-proof.js';

const leaf = fc.uint8Array({ minLength: 32, maxLength: 32 });
const treeAndIndex = fc
  .array(leaf, { minLength: 1, maxLength: 40 })
  .chain((leaves) => fc.tuple(fc.constant(leaves), fc.nat(leaves.length - 1)));

const one = new Uint8Array(32).fill(1);
const two = new Uint8Array(32).fill(2);
const three = new Uint8Array(32).fill(3);
const zero = new Uint8Array(32);

describe('merkleTree', () => {
  test('default: one leaf is its own root, with an empty proof', () => {
    const tree = merkleTree([one]);
    expect(tree.root).toEqual(one);
    expect(tree.proof(0)).toEqual(new Uint8Array());
    expect(verifyMerkleProof(one, 0, new Uint8Array(), one)).toBe(true);
  });

  test('default: no leaves give the zero word', () => {
    expect(merkleTree([]).root).toEqual(zero);
  });

  test('behavior: three leaves are padded with one zero word, children keep their order', () => {
    const expected = keccak256(keccak256(one, two), keccak256(three, zero));
    const tree = merkleTree([one, two, three]);
    expect(tree.root).toEqual(expected);
    expect(tree.proof(2)).toEqual(concatBytes(zero, keccak256(one, two)));
  });

  test('behavior: the leaves that are passed in stay as they are', () => {
    const leaves = [one, two, three];
    merkleTree(leaves).proof(1);
    expect(leaves).toEqual([one, two, three]);
  });
});

describe('proofs of a tree', () => {
  test('behavior: every proof of every tree leads to its root', () => {
    fc.assert(
      fc.property(treeAndIndex, ([leaves, index]) => {
        const tree = merkleTree(leaves);
        return verifyMerkleProof(leaves[index] ?? zero, index, tree.proof(index), tree.root);
      }),
    );
  });

  test('behavior: no proof holds for another leaf, another index beyond the tree, or a changed bit', () => {
    fc.assert(
      fc.property(treeAndIndex, leaf, fc.nat(), ([leaves, index], other, bit) => {
        const tree = merkleTree(leaves);
        const own = leaves[index] ?? zero;
        const proof = tree.proof(index);
        if (Buffer.compare(other, own) !== 0) {
          expect(verifyMerkleProof(other, index, proof, tree.root)).toBe(false);
        }
        expect(verifyMerkleProof(own, index + 2 ** (proof.length / 32), proof, tree.root)).toBe(false);
        if (proof.length > 0) {
          const altered = Uint8Array.from(proof);
          const at = bit % proof.length;
          altered[at] = (altered[at] ?? 0) ^ 1;
          expect(verifyMerkleProof(own, index, altered, tree.root)).toBe(false);
        }
      }),
    );
  });

  test('error: a proof that is no whole number of nodes, or a negative index, is false', () => {
    const tree = merkleTree([one, two]);
    expect(verifyMerkleProof(one, 0, tree.proof(0).subarray(1), tree.root)).toBe(false);
    expect(verifyMerkleProof(one, -1, tree.proof(0), tree.root)).toBe(false);
  });

  test.each([-1, 3, 0.5])('error: there is no leaf %d of three', (index) => {
    // Index 3 exists in the padded tree, but holds no operator.
    expect(() => merkleTree([one, two, three]).proof(index)).toThrow(
      expect.objectContaining({ code: 'INTERNAL', facts: { index, leaves: 3 } }),
    );
  });
});
