// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {BN254} from "./BN254.sol";
import {BN254Signature} from "./BN254Signature.sol";
import {CertificateVerifier} from "./CertificateVerifier.sol";
import {Leaves} from "./Leaves.sol";
import {Merkle} from "./Merkle.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {
    BN254Certificate,
    BN254OperatorInfo,
    BN254OperatorInfoWitness,
    BN254OperatorSetInfo,
    G1Point,
    OperatorSet,
    OperatorSetConfig
} from "./Types.sol";

/// @notice Verifies certificates of BN254 operator sets against the tables that the updater brought.
/// @dev Set-up: `initialize(operatorTableUpdater)`, once.
contract BN254CertificateVerifier is CertificateVerifier {
    using OperatorSets for OperatorSet;

    bytes32 private constant CERTIFICATE_TYPEHASH =
        keccak256("BN254Certificate(uint32 referenceTimestamp,bytes32 messageHash)");
    uint256 private constant PAIRING_GAS = 400_000;

    mapping(bytes32 operatorSetKey => mapping(uint32 timestamp => BN254OperatorSetInfo)) private _tables;
    /// Operators proven once as non-signers; a cached one needs no proof again.
    mapping(bytes32 operatorSetKey => mapping(uint32 timestamp => mapping(uint256 index => BN254OperatorInfo)))
        private _nonSigners;

    event TableUpdated(OperatorSet operatorSet, uint32 referenceTimestamp, BN254OperatorSetInfo operatorSetInfo);

    error InvalidOperatorIndex();
    error NonSignerIndicesNotSorted();

    function updateOperatorTable(
        OperatorSet memory operatorSet,
        uint32 referenceTimestamp,
        BN254OperatorSetInfo memory operatorSetInfo,
        OperatorSetConfig memory config
    ) external onlyTableUpdater {
        _startTable(operatorSet, referenceTimestamp, config);
        _tables[operatorSet.key()][referenceTimestamp] = operatorSetInfo;
        emit TableUpdated(operatorSet, referenceTimestamp, operatorSetInfo);
    }

    /// @return The weight that signed, per stake type
    function verifyCertificate(OperatorSet memory operatorSet, BN254Certificate memory certificate)
        external
        returns (uint256[] memory)
    {
        return _verify(operatorSet.key(), certificate);
    }

    /// @return Whether every stake type meets its threshold; an invalid certificate reverts
    function verifyCertificateProportion(
        OperatorSet memory operatorSet,
        BN254Certificate memory certificate,
        uint16[] memory totalStakeProportionThresholds
    ) external returns (bool) {
        bytes32 key = operatorSet.key();
        uint256[] memory signed = _verify(key, certificate);
        return _meetsProportions(
            signed, _tables[key][certificate.referenceTimestamp].totalWeights, totalStakeProportionThresholds
        );
    }

    /// @notice What the operators sign. Neither chain nor contract is part of it.
    function calculateCertificateDigest(uint32 referenceTimestamp, bytes32 messageHash) public pure returns (bytes32) {
        return keccak256(abi.encode(CERTIFICATE_TYPEHASH, referenceTimestamp, messageHash));
    }

    function calculateOperatorInfoLeaf(BN254OperatorInfo memory operatorInfo) external pure returns (bytes32) {
        return Leaves.ofOperatorInfo(operatorInfo);
    }

    function getOperatorSetInfo(OperatorSet memory operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (BN254OperatorSetInfo memory)
    {
        return _tables[operatorSet.key()][referenceTimestamp];
    }

    function getTotalStakeWeights(OperatorSet memory operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (uint256[] memory)
    {
        return _tables[operatorSet.key()][referenceTimestamp].totalWeights;
    }

    function getOperatorCount(OperatorSet memory operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (uint256)
    {
        return _tables[operatorSet.key()][referenceTimestamp].numOperators;
    }

    function isNonsignerCached(OperatorSet memory operatorSet, uint32 referenceTimestamp, uint256 operatorIndex)
        external
        view
        returns (bool)
    {
        return _isKnown(_nonSigners[operatorSet.key()][referenceTimestamp][operatorIndex].pubkey);
    }

    function _verify(bytes32 key, BN254Certificate memory certificate) private returns (uint256[] memory signed) {
        _requireUsable(key, certificate.referenceTimestamp);
        BN254OperatorSetInfo memory table = _tables[key][certificate.referenceTimestamp];
        G1Point memory nonSignerKey = _subtractNonSigners(key, certificate, table);
        (bool success, bool valid) = BN254Signature.verify(
            calculateCertificateDigest(certificate.referenceTimestamp, certificate.messageHash),
            certificate.signature,
            BN254.add(table.aggregatePubkey, BN254.negate(nonSignerKey)),
            certificate.apk,
            PAIRING_GAS
        );
        require(success && valid, VerificationFailed());
        return table.totalWeights;
    }

    /// @dev Takes the non-signers' weights off `table.totalWeights` in place.
    /// @return sum The sum of the non-signers' keys
    function _subtractNonSigners(bytes32 key, BN254Certificate memory certificate, BN254OperatorSetInfo memory table)
        private
        returns (G1Point memory sum)
    {
        BN254OperatorInfoWitness[] memory witnesses = certificate.nonSignerWitnesses;
        for (uint256 i; i < witnesses.length; i++) {
            require(
                i == 0 || witnesses[i].operatorIndex > witnesses[i - 1].operatorIndex, NonSignerIndicesNotSorted()
            );
            require(witnesses[i].operatorIndex < table.numOperators, InvalidOperatorIndex());
            BN254OperatorInfo memory info =
                _provenInfo(key, certificate.referenceTimestamp, witnesses[i], table.operatorInfoTreeRoot);
            sum = BN254.add(sum, info.pubkey);
            for (uint256 j; j < info.weights.length && j < table.totalWeights.length; j++) {
                table.totalWeights[j] -= info.weights[j];
            }
        }
    }

    /// @dev What was proven before wins over what the witness says now.
    function _provenInfo(
        bytes32 key,
        uint32 referenceTimestamp,
        BN254OperatorInfoWitness memory witness,
        bytes32 root
    ) private returns (BN254OperatorInfo memory) {
        BN254OperatorInfo storage known = _nonSigners[key][referenceTimestamp][witness.operatorIndex];
        if (_isKnown(known.pubkey)) return known;
        bytes32 leaf = Leaves.ofOperatorInfo(witness.operatorInfo);
        require(Merkle.verify(witness.operatorInfoProof, root, leaf, witness.operatorIndex), VerificationFailed());
        _nonSigners[key][referenceTimestamp][witness.operatorIndex] = witness.operatorInfo;
        return witness.operatorInfo;
    }

    /// @dev Weights may be zero; a key is not.
    function _isKnown(G1Point storage pubkey) private view returns (bool) {
        return pubkey.X != 0 || pubkey.Y != 0;
    }
}
