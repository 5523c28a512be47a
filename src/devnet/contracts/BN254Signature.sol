// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {BN254} from "./BN254.sol";
import {G1Point, G2Point} from "./Types.sol";

/// @notice Checks a BLS signature and, in the same equation, that the G1 and G2 halves of the public
/// key belong together.
library BN254Signature {
    /// @dev With γ = keccak(digest, G1 key, G2 key, signature) mod R:
    /// e(signature + γ·key₁, −g₂) · e(H(digest) + γ·g₁, key₂) = 1.
    /// @return success whether the pairing could be computed within `gasLimit`
    /// @return valid whether the equation holds
    function verify(
        bytes32 digest,
        G1Point memory signature,
        G1Point memory keyG1,
        G2Point memory keyG2,
        uint256 gasLimit
    ) internal view returns (bool success, bool valid) {
        uint256 gamma = uint256(
            keccak256(
                abi.encodePacked(
                    digest,
                    keyG1.X,
                    keyG1.Y,
                    keyG2.X[0],
                    keyG2.X[1],
                    keyG2.Y[0],
                    keyG2.Y[1],
                    signature.X,
                    signature.Y
                )
            )
        ) % BN254.R;
        return BN254.pairing(
            BN254.add(signature, BN254.multiply(keyG1, gamma)),
            BN254.negatedGeneratorG2(),
            BN254.add(BN254.hashToG1(digest), BN254.multiply(BN254.generatorG1(), gamma)),
            keyG2,
            gasLimit
        );
    }
}
