// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// @notice Keccak trees whose leaves keep their order and are padded with zero words to a power of
/// two; a proof is the siblings from the leaf upwards, one after the other.
library Merkle {
    error EmptyRoot();
    error InvalidIndex();
    error InvalidProofLength();

    /// @dev Without siblings the leaf itself must be the root, whatever the index says.
    function verify(bytes memory proof, bytes32 expectedRoot, bytes32 leaf, uint256 index)
        internal
        pure
        returns (bool)
    {
        require(expectedRoot != bytes32(0), EmptyRoot());
        require(proof.length % 32 == 0, InvalidProofLength());
        if (proof.length == 0) return leaf == expectedRoot;
        bytes32 node = leaf;
        for (uint256 offset = 32; offset <= proof.length; offset += 32) {
            bytes32 sibling;
            assembly ("memory-safe") {
                sibling := mload(add(proof, offset))
            }
            node = index & 1 == 0 ? _hash(node, sibling) : _hash(sibling, node);
            index >>= 1;
        }
        // A rest means that the index names a leaf beyond this tree.
        require(index == 0, InvalidIndex());
        return node == expectedRoot;
    }

    /// @return The root, or zero for no leaves
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        if (leaves.length == 0) return bytes32(0);
        uint256 width = 1;
        while (width < leaves.length) width <<= 1;
        bytes32[] memory layer = new bytes32[](width);
        for (uint256 i; i < leaves.length; i++) layer[i] = leaves[i];
        while (width > 1) {
            width >>= 1;
            for (uint256 i; i < width; i++) layer[i] = _hash(layer[2 * i], layer[2 * i + 1]);
        }
        return layer[0];
    }

    function _hash(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encode(left, right));
    }
}
