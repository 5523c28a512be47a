// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// @notice Strict recovery of secp256k1 signatures.
library ECDSA {
    /// @dev Half of the group order (EIP-2): signatures with a greater s are refused as malleable.
    uint256 private constant GREATEST_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    error InvalidSignature();

    /// @param signature 65 bytes r ‖ s ‖ v with v 27 or 28 and a low s; anything else reverts with
    /// InvalidSignature
    /// @return signer The address whose key made the signature over exactly this digest
    function recover(bytes32 digest, bytes memory signature) internal pure returns (address signer) {
        require(signature.length == 65, InvalidSignature());
        bytes32 r;
        bytes32 s;
        uint8 v;
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
        require(uint256(s) <= GREATEST_S, InvalidSignature());
        // The precompile answers with zero for any other v.
        signer = ecrecover(digest, v, r, s);
        require(signer != address(0), InvalidSignature());
    }
}
