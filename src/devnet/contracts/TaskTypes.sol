// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {CurveType, OperatorSet} from "./Types.sol";

/// @notice `EXPIRED` is never stored; it is what `CREATED` becomes when the time is over.
enum TaskStatus {
    NONE,
    CREATED,
    VERIFIED,
    EXPIRED
}

/// @notice `NONE`: any valid certificate will do and the hook judges it.
enum ConsensusType {
    NONE,
    STAKE_PROPORTION_THRESHOLD
}

/// @notice `value` is empty for `NONE`, `abi.encode(uint16 bips)` for a threshold.
struct Consensus {
    ConsensusType consensusType;
    bytes value;
}

/// @notice What the owner of an executor operator set decides for all of its tasks.
struct ExecutorOperatorSetTaskConfig {
    address taskHook;
    uint96 taskSLA;
    address feeToken;
    CurveType curveType;
    address feeCollector;
    Consensus consensus;
    bytes taskMetadata;
}

/// @notice What the creator of a task decides.
struct TaskParams {
    address refundCollector;
    OperatorSet executorOperatorSet;
    bytes payload;
}

/// @notice A task; the config is frozen at creation.
struct Task {
    address creator;
    uint96 creationTime;
    address avs;
    uint96 avsFee;
    address refundCollector;
    uint32 executorOperatorSetId;
    uint16 feeSplit;
    TaskStatus status;
    bool isFeeRefunded;
    uint32 operatorTableReferenceTimestamp;
    ExecutorOperatorSetTaskConfig executorOperatorSetTaskConfig;
    bytes payload;
    bytes executorCert;
    bytes result;
}
