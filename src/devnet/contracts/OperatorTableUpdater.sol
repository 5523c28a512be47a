// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {Initializable} from "./Initializable.sol";
import {IBN254CertificateVerifier, ICertificateVerifier, IECDSACertificateVerifier} from "./Interfaces.sol";
import {Leaves} from "./Leaves.sol";
import {Merkle} from "./Merkle.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {Ownable} from "./Ownable.sol";
import {
    BN254Certificate,
    BN254OperatorSetInfo,
    CurveType,
    ECDSAOperatorInfo,
    OperatorSet,
    OperatorSetConfig
} from "./Types.sol";

/// @notice Brings the operator tables of L1 to this chain: first a root over all tables, certified by
/// the generator, then each table with a proof against that root.
/// @dev Set-up, once, after both verifiers know this contract:
/// `initialize(owner, bn254Verifier, ecdsaVerifier, generator, confirmationThresholdBips, generatorInfo)`.
contract OperatorTableUpdater is Initializable, Ownable {
    using OperatorSets for OperatorSet;

    bytes32 public constant GLOBAL_TABLE_ROOT_CERT_TYPEHASH = keccak256(
        "GlobalTableRootCert(bytes32 globalTableRoot,uint32 referenceTimestamp,uint32 referenceBlockNumber)"
    );
    /// @dev Stands for the generator's own table, which no root contains.
    bytes32 private constant GENERATOR_ROOT = keccak256("GENERATOR_GLOBAL_TABLE_ROOT");
    uint32 private constant GENERATOR_TIMESTAMP = 1;
    uint16 private constant BIPS = 10_000;

    IBN254CertificateVerifier public bn254CertificateVerifier;
    IECDSACertificateVerifier public ecdsaCertificateVerifier;
    uint16 public globalRootConfirmationThreshold;

    OperatorSet private _generator;
    uint32 private _latestTimestamp;
    mapping(uint32 timestamp => bytes32) private _roots;
    mapping(bytes32 root => bool) private _validRoots;
    mapping(uint32 timestamp => uint32) private _blockNumbers;
    mapping(uint32 blockNumber => uint32) private _timestamps;

    event GeneratorUpdated(OperatorSet operatorSet);
    event GlobalRootConfirmationThresholdUpdated(uint16 bps);
    event GlobalRootDisabled(bytes32 indexed globalTableRoot);
    event NewGlobalTableRoot(uint32 indexed referenceTimestamp, bytes32 indexed globalTableRoot);

    error CannotDisableGeneratorRoot();
    error CertificateInvalid();
    error GlobalTableRootInFuture();
    error GlobalTableRootStale();
    error InvalidConfirmationThreshold();
    error InvalidCurveType();
    error InvalidGlobalTableRoot();
    error InvalidMessageHash();
    error InvalidOperatorSet();
    error InvalidOperatorSetProof();
    error InvalidRoot();
    error TableUpdateForPastTimestamp();

    /// @param thresholdBips The part of the generator's weight that must certify a root
    /// @param generatorInfo The generator's table; it is stored at timestamp 1 and never goes stale
    function initialize(
        address initialOwner,
        address bn254Verifier,
        address ecdsaVerifier,
        OperatorSet memory generator,
        uint16 thresholdBips,
        BN254OperatorSetInfo memory generatorInfo
    ) external initializer {
        require(thresholdBips <= BIPS, InvalidConfirmationThreshold());
        _transferOwnership(initialOwner);
        bn254CertificateVerifier = IBN254CertificateVerifier(bn254Verifier);
        ecdsaCertificateVerifier = IECDSACertificateVerifier(ecdsaVerifier);
        globalRootConfirmationThreshold = thresholdBips;
        emit GlobalRootConfirmationThresholdUpdated(thresholdBips);
        _generator = generator;
        emit GeneratorUpdated(generator);
        _latestTimestamp = uint32(block.timestamp);
        _roots[GENERATOR_TIMESTAMP] = GENERATOR_ROOT;
        _validRoots[GENERATOR_ROOT] = true;
        bn254CertificateVerifier.updateOperatorTable(
            generator, GENERATOR_TIMESTAMP, generatorInfo, OperatorSetConfig(initialOwner, 0)
        );
    }

    /// @param certificate The generator's, at its timestamp 1, over `getGlobalTableUpdateMessageHash`
    /// @param referenceTimestamp Time of the L1 block that the tables were calculated at
    function confirmGlobalTableRoot(
        BN254Certificate memory certificate,
        bytes32 globalTableRoot,
        uint32 referenceTimestamp,
        uint32 referenceBlockNumber
    ) external {
        require(referenceTimestamp <= block.timestamp, GlobalTableRootInFuture());
        require(referenceTimestamp > _latestTimestamp, GlobalTableRootStale());
        require(
            certificate.messageHash
                == getGlobalTableUpdateMessageHash(globalTableRoot, referenceTimestamp, referenceBlockNumber),
            InvalidMessageHash()
        );
        uint16[] memory thresholds = new uint16[](1);
        thresholds[0] = globalRootConfirmationThreshold;
        require(
            bn254CertificateVerifier.verifyCertificateProportion(_generator, certificate, thresholds),
            CertificateInvalid()
        );
        _latestTimestamp = referenceTimestamp;
        _blockNumbers[referenceTimestamp] = referenceBlockNumber;
        _timestamps[referenceBlockNumber] = referenceTimestamp;
        _roots[referenceTimestamp] = globalTableRoot;
        _validRoots[globalTableRoot] = true;
        emit NewGlobalTableRoot(referenceTimestamp, globalTableRoot);
    }

    /// @notice Stores one operator set's table; a table that is there already is left alone silently, so
    /// that two transporters do not fail each other.
    /// @param operatorSetIndex Place of the leaf = place among L1's active generation reservations
    /// @param tableBytes `abi.encode(operatorSet, curveType, config, bytes table)`
    function updateOperatorTable(
        uint32 referenceTimestamp,
        bytes32 globalTableRoot,
        uint32 operatorSetIndex,
        bytes memory proof,
        bytes memory tableBytes
    ) external {
        (OperatorSet memory operatorSet, CurveType curveType, OperatorSetConfig memory config, bytes memory table) =
            abi.decode(tableBytes, (OperatorSet, CurveType, OperatorSetConfig, bytes));
        require(_validRoots[globalTableRoot], InvalidRoot());
        require(operatorSet.key() != _generator.key(), InvalidOperatorSet());
        ICertificateVerifier verifier = ICertificateVerifier(getCertificateVerifier(curveType));
        if (verifier.isReferenceTimestampSet(operatorSet, referenceTimestamp)) return;
        require(referenceTimestamp > verifier.latestReferenceTimestamp(operatorSet), TableUpdateForPastTimestamp());
        require(_roots[referenceTimestamp] == globalTableRoot, InvalidGlobalTableRoot());
        require(
            Merkle.verify(proof, globalTableRoot, Leaves.ofOperatorTable(tableBytes), operatorSetIndex),
            InvalidOperatorSetProof()
        );
        if (curveType == CurveType.BN254) {
            bn254CertificateVerifier.updateOperatorTable(
                operatorSet, referenceTimestamp, abi.decode(table, (BN254OperatorSetInfo)), config
            );
        } else {
            ecdsaCertificateVerifier.updateOperatorTable(
                operatorSet, referenceTimestamp, abi.decode(table, (ECDSAOperatorInfo[])), config
            );
        }
    }

    /// @notice Takes a root, and with it every table at its timestamp, out of use.
    function disableRoot(bytes32 globalTableRoot) external onlyOwner {
        require(_validRoots[globalTableRoot], InvalidRoot());
        require(globalTableRoot != GENERATOR_ROOT, CannotDisableGeneratorRoot());
        _validRoots[globalTableRoot] = false;
        emit GlobalRootDisabled(globalTableRoot);
    }

    function getCertificateVerifier(CurveType curveType) public view returns (address) {
        if (curveType == CurveType.BN254) return address(bn254CertificateVerifier);
        if (curveType == CurveType.ECDSA) return address(ecdsaCertificateVerifier);
        revert InvalidCurveType();
    }

    function getGlobalTableUpdateMessageHash(
        bytes32 globalTableRoot,
        uint32 referenceTimestamp,
        uint32 referenceBlockNumber
    ) public pure returns (bytes32) {
        return keccak256(
            abi.encode(GLOBAL_TABLE_ROOT_CERT_TYPEHASH, globalTableRoot, referenceTimestamp, referenceBlockNumber)
        );
    }

    /// @return What the generator's operators sign
    function getGlobalTableUpdateSignableDigest(
        bytes32 globalTableRoot,
        uint32 referenceTimestamp,
        uint32 referenceBlockNumber
    ) external view returns (bytes32) {
        return bn254CertificateVerifier.calculateCertificateDigest(
            GENERATOR_TIMESTAMP,
            getGlobalTableUpdateMessageHash(globalTableRoot, referenceTimestamp, referenceBlockNumber)
        );
    }

    function calculateOperatorTableLeaf(bytes memory tableBytes) external pure returns (bytes32) {
        return Leaves.ofOperatorTable(tableBytes);
    }

    function getGenerator() external view returns (OperatorSet memory) {
        return _generator;
    }

    function getGeneratorReferenceTimestamp() external pure returns (uint32) {
        return GENERATOR_TIMESTAMP;
    }

    function getLatestReferenceTimestamp() external view returns (uint32) {
        return _latestTimestamp;
    }

    function getLatestReferenceBlockNumber() external view returns (uint32) {
        return _blockNumbers[_latestTimestamp];
    }

    function getReferenceBlockNumberByTimestamp(uint32 referenceTimestamp) external view returns (uint32) {
        return _blockNumbers[referenceTimestamp];
    }

    function getReferenceTimestampByBlockNumber(uint32 referenceBlockNumber) external view returns (uint32) {
        return _timestamps[referenceBlockNumber];
    }

    function getGlobalTableRootByTimestamp(uint32 referenceTimestamp) external view returns (bytes32) {
        return _roots[referenceTimestamp];
    }

    function getCurrentGlobalTableRoot() external view returns (bytes32) {
        return _roots[_latestTimestamp];
    }

    function isRootValid(bytes32 globalTableRoot) external view returns (bool) {
        return _validRoots[globalTableRoot];
    }

    function isRootValidByTimestamp(uint32 referenceTimestamp) external view returns (bool) {
        return _validRoots[_roots[referenceTimestamp]];
    }
}
