// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {CertificateVerifier} from "./CertificateVerifier.sol";
import {ECDSA} from "./ECDSA.sol";
import {EIP712Domain} from "./EIP712Domain.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {ECDSACertificate, ECDSAOperatorInfo, OperatorSet, OperatorSetConfig} from "./Types.sol";

/// @notice Verifies certificates of ECDSA operator sets against the tables that the updater brought.
/// @dev Set-up: `initialize(operatorTableUpdater)`, once.
contract ECDSACertificateVerifier is CertificateVerifier {
    using OperatorSets for OperatorSet;

    bytes32 private constant CERTIFICATE_TYPEHASH =
        keccak256("ECDSACertificate(uint32 referenceTimestamp,bytes32 messageHash)");
    uint256 private constant SIGNATURE_LENGTH = 65;

    mapping(bytes32 operatorSetKey => mapping(uint32 timestamp => ECDSAOperatorInfo[])) private _tables;

    event TableUpdated(OperatorSet operatorSet, uint32 referenceTimestamp, ECDSAOperatorInfo[] operatorInfos);

    error InvalidSignatureLength();
    error OperatorCountZero();
    error SignersNotOrdered();

    function updateOperatorTable(
        OperatorSet memory operatorSet,
        uint32 referenceTimestamp,
        ECDSAOperatorInfo[] memory operatorInfos,
        OperatorSetConfig memory config
    ) external onlyTableUpdater {
        _startTable(operatorSet, referenceTimestamp, config);
        ECDSAOperatorInfo[] storage table = _tables[operatorSet.key()][referenceTimestamp];
        for (uint256 i; i < operatorInfos.length; i++) table.push(operatorInfos[i]);
        emit TableUpdated(operatorSet, referenceTimestamp, operatorInfos);
    }

    /// @return The weight that signed, per stake type, and the addresses that signed
    function verifyCertificate(OperatorSet memory operatorSet, ECDSACertificate memory certificate)
        external
        view
        returns (uint256[] memory, address[] memory)
    {
        return _verify(operatorSet, certificate);
    }

    /// @return Whether every stake type meets its threshold, and the addresses that signed; an invalid
    /// certificate reverts
    function verifyCertificateProportion(
        OperatorSet memory operatorSet,
        ECDSACertificate memory certificate,
        uint16[] memory totalStakeProportionThresholds
    ) external view returns (bool, address[] memory) {
        (uint256[] memory signed, address[] memory signers) = _verify(operatorSet, certificate);
        uint256[] memory totals = getTotalStakeWeights(operatorSet, certificate.referenceTimestamp);
        return (_meetsProportions(signed, totals, totalStakeProportionThresholds), signers);
    }

    function domainSeparator() public view returns (bytes32) {
        return EIP712Domain.ofAnyChain();
    }

    /// @return The 66 bytes whose keccak hash the operators sign
    function calculateCertificateDigestBytes(uint32 referenceTimestamp, bytes32 messageHash)
        public
        view
        returns (bytes memory)
    {
        bytes32 structHash = keccak256(abi.encode(CERTIFICATE_TYPEHASH, referenceTimestamp, messageHash));
        return abi.encodePacked(hex"1901", domainSeparator(), structHash);
    }

    function calculateCertificateDigest(uint32 referenceTimestamp, bytes32 messageHash) public view returns (bytes32) {
        return keccak256(calculateCertificateDigestBytes(referenceTimestamp, messageHash));
    }

    function getOperatorInfos(OperatorSet memory operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (ECDSAOperatorInfo[] memory)
    {
        return _tables[operatorSet.key()][referenceTimestamp];
    }

    function getOperatorCount(OperatorSet memory operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (uint256)
    {
        return _tables[operatorSet.key()][referenceTimestamp].length;
    }

    /// @dev The first operator decides how many stake types there are.
    function getTotalStakeWeights(OperatorSet memory operatorSet, uint32 referenceTimestamp)
        public
        view
        returns (uint256[] memory totals)
    {
        bytes32 key = operatorSet.key();
        _requireTimestamp(key, referenceTimestamp);
        ECDSAOperatorInfo[] storage table = _tables[key][referenceTimestamp];
        require(table.length > 0, OperatorCountZero());
        totals = new uint256[](table[0].weights.length);
        for (uint256 i; i < table.length; i++) _addWeights(totals, table[i].weights);
    }

    function _verify(OperatorSet memory operatorSet, ECDSACertificate memory certificate)
        private
        view
        returns (uint256[] memory signed, address[] memory signers)
    {
        bytes32 key = operatorSet.key();
        _requireUsable(key, certificate.referenceTimestamp);
        bytes32 digest = calculateCertificateDigest(certificate.referenceTimestamp, certificate.messageHash);
        signers = _recoverAll(digest, certificate.sig);
        ECDSAOperatorInfo[] memory table = _tables[key][certificate.referenceTimestamp];
        signed = new uint256[](getTotalStakeWeights(operatorSet, certificate.referenceTimestamp).length);
        for (uint256 i; i < signers.length; i++) _addWeights(signed, _weightsOf(table, signers[i]));
    }

    /// @dev Ascending addresses make every signer count once.
    function _recoverAll(bytes32 digest, bytes memory signatures) private pure returns (address[] memory signers) {
        require(signatures.length > 0 && signatures.length % SIGNATURE_LENGTH == 0, InvalidSignatureLength());
        signers = new address[](signatures.length / SIGNATURE_LENGTH);
        for (uint256 i; i < signers.length; i++) {
            signers[i] = ECDSA.recover(digest, _slice(signatures, i * SIGNATURE_LENGTH));
            require(i == 0 || signers[i] > signers[i - 1], SignersNotOrdered());
        }
    }

    function _slice(bytes memory signatures, uint256 start) private pure returns (bytes memory piece) {
        piece = new bytes(SIGNATURE_LENGTH);
        for (uint256 i; i < SIGNATURE_LENGTH; i++) piece[i] = signatures[start + i];
    }

    function _weightsOf(ECDSAOperatorInfo[] memory table, address signer) private pure returns (uint256[] memory) {
        for (uint256 i; i < table.length; i++) {
            if (table[i].pubkey == signer) return table[i].weights;
        }
        revert VerificationFailed();
    }

    function _addWeights(uint256[] memory sums, uint256[] memory weights) private pure {
        for (uint256 i; i < weights.length && i < sums.length; i++) sums[i] += weights[i];
    }
}
