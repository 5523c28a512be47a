// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// @notice EIP-712 domains named "EigenLayer", version "1".
library EIP712Domain {
    bytes32 private constant TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant TYPEHASH_NO_CHAIN_ID =
        keccak256("EIP712Domain(string name,string version,address verifyingContract)");

    /// @return The domain separator for this chain and contract
    function ofChain() internal view returns (bytes32) {
        return keccak256(
            abi.encode(TYPEHASH, keccak256("EigenLayer"), keccak256("1"), block.chainid, address(this))
        );
    }

    /// @return The domain separator that is the same on every chain on which the contract has this address
    function ofAnyChain() internal view returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH_NO_CHAIN_ID, keccak256("EigenLayer"), keccak256("1"), address(this)));
    }
}
