// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {
    BN254Certificate,
    BN254OperatorSetInfo,
    CurveType,
    ECDSACertificate,
    ECDSAOperatorInfo,
    G1Point,
    G2Point,
    OperatorSet,
    OperatorSetConfig
} from "./Types.sol";
import {TaskParams} from "./TaskTypes.sol";

/// What the contracts call on each other, and no more.

interface ICertificateVerifier {
    function latestReferenceTimestamp(OperatorSet memory operatorSet) external view returns (uint32);
    function maxOperatorTableStaleness(OperatorSet memory operatorSet) external view returns (uint32);
    function getOperatorSetOwner(OperatorSet memory operatorSet) external view returns (address);
    function isReferenceTimestampSet(OperatorSet memory operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (bool);
}

interface IBN254CertificateVerifier is ICertificateVerifier {
    function updateOperatorTable(
        OperatorSet memory operatorSet,
        uint32 referenceTimestamp,
        BN254OperatorSetInfo memory operatorSetInfo,
        OperatorSetConfig memory config
    ) external;
    function verifyCertificate(OperatorSet memory operatorSet, BN254Certificate memory certificate)
        external
        returns (uint256[] memory);
    function verifyCertificateProportion(
        OperatorSet memory operatorSet,
        BN254Certificate memory certificate,
        uint16[] memory thresholds
    ) external returns (bool);
    function calculateCertificateDigest(uint32 referenceTimestamp, bytes32 messageHash)
        external
        pure
        returns (bytes32);
}

interface IECDSACertificateVerifier is ICertificateVerifier {
    function updateOperatorTable(
        OperatorSet memory operatorSet,
        uint32 referenceTimestamp,
        ECDSAOperatorInfo[] memory operatorInfos,
        OperatorSetConfig memory config
    ) external;
    function verifyCertificate(OperatorSet memory operatorSet, ECDSACertificate memory certificate)
        external
        view
        returns (uint256[] memory, address[] memory);
    function verifyCertificateProportion(
        OperatorSet memory operatorSet,
        ECDSACertificate memory certificate,
        uint16[] memory thresholds
    ) external view returns (bool, address[] memory);
}

interface IOperatorTableUpdater {
    function isRootValidByTimestamp(uint32 referenceTimestamp) external view returns (bool);
}

interface IOperatorTableCalculator {
    function calculateOperatorTableBytes(OperatorSet memory operatorSet) external view returns (bytes memory);
}

interface IAllocationManager {
    function isOperatorSet(OperatorSet memory operatorSet) external view returns (bool);
    function isMemberOfOperatorSet(address operator, OperatorSet memory operatorSet) external view returns (bool);
    function getMembers(OperatorSet memory operatorSet) external view returns (address[] memory);
    function getStrategiesInOperatorSet(OperatorSet memory operatorSet) external view returns (address[] memory);
    function getMinimumSlashableStake(
        OperatorSet memory operatorSet,
        address[] memory operators,
        address[] memory strategies,
        uint32 futureBlock
    ) external view returns (uint256[][] memory);
}

interface IDelegationManager {
    function isOperator(address operator) external view returns (bool);
}

interface IKeyRegistrar {
    function isRegistered(OperatorSet memory operatorSet, address operator) external view returns (bool);
    function getOperatorSetCurveType(OperatorSet memory operatorSet) external view returns (CurveType);
    function getBN254Key(OperatorSet memory operatorSet, address operator)
        external
        view
        returns (G1Point memory, G2Point memory);
    function getECDSAAddress(OperatorSet memory operatorSet, address operator) external view returns (address);
    function deregisterKey(address operator, OperatorSet memory operatorSet) external;
}

interface IAVSRegistrar {
    function registerOperator(address operator, address avs, uint32[] memory operatorSetIds, bytes memory data)
        external;
    function deregisterOperator(address operator, address avs, uint32[] memory operatorSetIds) external;
    function supportsAVS(address avs) external view returns (bool);
}

/// @notice An AVS's say in the life of its tasks: the mailbox asks before and tells after.
interface IAVSTaskHook {
    function validatePreTaskCreation(address caller, TaskParams memory taskParams) external view;
    function handlePostTaskCreation(bytes32 taskHash) external;
    function validatePreTaskResultSubmission(
        address caller,
        bytes32 taskHash,
        bytes memory executorCert,
        bytes memory result
    ) external view;
    function handlePostTaskResultSubmission(address caller, bytes32 taskHash) external;
    function calculateTaskFee(TaskParams memory taskParams) external view returns (uint96);
}
