// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IOperatorTableUpdater} from "./Interfaces.sol";
import {Initializable} from "./Initializable.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {OperatorSet, OperatorSetConfig} from "./Types.sol";

/// @notice What the verifiers of both curves share: who may bring tables, which timestamps exist,
/// how long they may be used, and thresholds.
/// @dev Set-up: `initialize(operatorTableUpdater)`, once.
abstract contract CertificateVerifier is Initializable {
    using OperatorSets for OperatorSet;

    uint256 private constant BIPS = 10_000;

    IOperatorTableUpdater public operatorTableUpdater;

    mapping(bytes32 operatorSetKey => uint32) private _latestTimestamps;
    mapping(bytes32 operatorSetKey => mapping(uint32 timestamp => bool)) private _timestamps;
    mapping(bytes32 operatorSetKey => OperatorSetConfig) private _configs;

    event MaxStalenessPeriodUpdated(OperatorSet operatorSet, uint32 maxStalenessPeriod);
    event OperatorSetOwnerUpdated(OperatorSet operatorSet, address owner);

    error ArrayLengthMismatch();
    error CertificateStale();
    error OnlyTableUpdater();
    error ReferenceTimestampDoesNotExist();
    error RootDisabled();
    error TableUpdateStale();
    error VerificationFailed();

    modifier onlyTableUpdater() {
        require(msg.sender == address(operatorTableUpdater), OnlyTableUpdater());
        _;
    }

    /// @param updater The only contract that may bring tables, and the judge of disabled roots
    function initialize(address updater) external initializer {
        operatorTableUpdater = IOperatorTableUpdater(updater);
    }

    function latestReferenceTimestamp(OperatorSet memory operatorSet) external view returns (uint32) {
        return _latestTimestamps[operatorSet.key()];
    }

    function isReferenceTimestampSet(OperatorSet memory operatorSet, uint32 referenceTimestamp)
        external
        view
        returns (bool)
    {
        return _timestamps[operatorSet.key()][referenceTimestamp];
    }

    function maxOperatorTableStaleness(OperatorSet memory operatorSet) external view returns (uint32) {
        return _configs[operatorSet.key()].maxStalenessPeriod;
    }

    function getOperatorSetOwner(OperatorSet memory operatorSet) external view returns (address) {
        return _configs[operatorSet.key()].owner;
    }

    /// @dev Call before the table is stored: it must be newer than the last one.
    function _startTable(OperatorSet memory operatorSet, uint32 referenceTimestamp, OperatorSetConfig memory config)
        internal
    {
        bytes32 key = operatorSet.key();
        require(referenceTimestamp > _latestTimestamps[key], TableUpdateStale());
        _latestTimestamps[key] = referenceTimestamp;
        _timestamps[key][referenceTimestamp] = true;
        _configs[key] = config;
        emit MaxStalenessPeriodUpdated(operatorSet, config.maxStalenessPeriod);
        emit OperatorSetOwnerUpdated(operatorSet, config.owner);
    }

    /// @dev In this order: stale, unknown, disabled.
    function _requireUsable(bytes32 key, uint32 referenceTimestamp) internal view {
        uint256 staleness = _configs[key].maxStalenessPeriod;
        require(staleness == 0 || block.timestamp <= referenceTimestamp + staleness, CertificateStale());
        _requireTimestamp(key, referenceTimestamp);
        require(operatorTableUpdater.isRootValidByTimestamp(referenceTimestamp), RootDisabled());
    }

    function _requireTimestamp(bytes32 key, uint32 referenceTimestamp) internal view {
        require(_timestamps[key][referenceTimestamp], ReferenceTimestampDoesNotExist());
    }

    /// @dev One threshold in bips per stake type, each taken of the whole table's weight and rounded down.
    function _meetsProportions(uint256[] memory signed, uint256[] memory totals, uint16[] memory thresholds)
        internal
        pure
        returns (bool)
    {
        require(signed.length == thresholds.length, ArrayLengthMismatch());
        for (uint256 i; i < signed.length; i++) {
            if (signed[i] < totals[i] * thresholds[i] / BIPS) return false;
        }
        return true;
    }
}
