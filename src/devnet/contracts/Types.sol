// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// Shapes that cross contract borders. Order and types are the wire format: the ABI hashes and
/// encodes them, so nothing here may be reordered.

/// @notice An AVS's numbered group of operators.
struct OperatorSet {
    address avs;
    uint32 id;
}

/// @notice Which signature scheme an operator set signs with.
enum CurveType {
    NONE,
    ECDSA,
    BN254
}

/// @notice Who may configure the operator set on other chains, and how long (seconds) its table
/// may be used after its reference timestamp; 0 = for ever.
struct OperatorSetConfig {
    address owner;
    uint32 maxStalenessPeriod;
}

/// @notice A BN254 point in G1; infinity is (0, 0).
struct G1Point {
    uint256 X;
    uint256 Y;
}

/// @notice A BN254 point in G2; each coordinate has its imaginary part first, as EIP-197 does.
struct G2Point {
    uint256[2] X;
    uint256[2] Y;
}

/// @notice One operator of a BN254 table: the content of one leaf.
struct BN254OperatorInfo {
    G1Point pubkey;
    uint256[] weights;
}

/// @notice Proof that an operator who did not sign has this key and these weights.
struct BN254OperatorInfoWitness {
    uint32 operatorIndex;
    bytes operatorInfoProof;
    BN254OperatorInfo operatorInfo;
}

/// @notice What a chain keeps of a BN254 table: the root over all leaves, and the sums.
struct BN254OperatorSetInfo {
    bytes32 operatorInfoTreeRoot;
    uint256 numOperators;
    G1Point aggregatePubkey;
    uint256[] totalWeights;
}

/// @notice `signature` is the sum of the signers' signatures, `apk` the sum of their G2 keys.
struct BN254Certificate {
    uint32 referenceTimestamp;
    bytes32 messageHash;
    G1Point signature;
    G2Point apk;
    BN254OperatorInfoWitness[] nonSignerWitnesses;
}

/// @notice One operator of an ECDSA table; `pubkey` is the address of its signing key.
struct ECDSAOperatorInfo {
    address pubkey;
    uint256[] weights;
}

/// @notice `sig` holds 65-byte signatures in ascending order of the addresses they recover to.
struct ECDSACertificate {
    uint32 referenceTimestamp;
    bytes32 messageHash;
    bytes sig;
}
