/** Merkle proofs as the verifiers' contracts check them. */
import { equalBytes } from '../../src/base/bytes.js';
import { keccak256 } from '../../src/crypto/keccak.js';

const NODE_BYTES = 32;

/** Whether `proof` leads from this leaf at this index to the root. Malformed proofs are just false. */
export function verifyMerkleProof(
  leaf: Uint8Array,
  index: number,
  proof: Uint8Array,
  root: Uint8Array,
): boolean {
  const height = proof.length / NODE_BYTES;
  if (!Number.isInteger(height) || !Number.isInteger(index) || index < 0 || index >= 2 ** height)
    return false;
  let node = leaf;
  for (let level = 0, position = index; level < height; level++, position = Math.floor(position / 2)) {
    const sibling = proof.subarray(level * NODE_BYTES, (level + 1) * NODE_BYTES);
    node = position % 2 === 0 ? keccak256(node, sibling) : keccak256(sibling, node);
  }
  return equalBytes(node, root);
}
