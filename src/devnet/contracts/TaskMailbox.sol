// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IAVSTaskHook, IBN254CertificateVerifier, ICertificateVerifier, IECDSACertificateVerifier} from "./Interfaces.sol";
import {Initializable} from "./Initializable.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {Ownable} from "./Ownable.sol";
import {
    Consensus,
    ConsensusType,
    ExecutorOperatorSetTaskConfig,
    Task,
    TaskParams,
    TaskStatus
} from "./TaskTypes.sol";
import {TokenTransfer} from "./TokenTransfer.sol";
import {BN254Certificate, CurveType, ECDSACertificate, OperatorSet} from "./Types.sol";

/// @notice Where users leave tasks and aggregators bring certified results.
/// @dev Set-up: `initialize(owner, bn254Verifier, ecdsaVerifier, feeSplitBips, feeSplitCollector)`, once.
contract TaskMailbox is Initializable, Ownable {
    using OperatorSets for OperatorSet;

    uint16 private constant BIPS = 10_000;
    uint96 public constant MAX_TASK_SLA = 7 days;

    address public BN254_CERTIFICATE_VERIFIER;
    address public ECDSA_CERTIFICATE_VERIFIER;
    uint16 public feeSplit;
    address public feeSplitCollector;

    bool private _entered;
    uint256 private _taskCount;
    mapping(bytes32 operatorSetKey => bool) public isExecutorOperatorSetRegistered;
    mapping(bytes32 operatorSetKey => ExecutorOperatorSetTaskConfig) private _configs;
    mapping(bytes32 taskHash => Task) private _tasks;

    event ExecutorOperatorSetRegistered(
        address indexed caller, address indexed avs, uint32 indexed executorOperatorSetId, bool isRegistered
    );
    event ExecutorOperatorSetTaskConfigSet(
        address indexed caller,
        address indexed avs,
        uint32 indexed executorOperatorSetId,
        ExecutorOperatorSetTaskConfig config
    );
    event FeeRefunded(address indexed refundCollector, bytes32 indexed taskHash, uint96 avsFee);
    event FeeSplitCollectorSet(address indexed feeSplitCollector);
    event FeeSplitSet(uint16 feeSplit);
    event TaskCreated(
        address indexed creator,
        bytes32 indexed taskHash,
        address indexed avs,
        uint32 executorOperatorSetId,
        uint32 operatorTableReferenceTimestamp,
        address refundCollector,
        uint96 avsFee,
        uint256 taskDeadline,
        bytes payload
    );
    event TaskVerified(
        address indexed aggregator,
        bytes32 indexed taskHash,
        address indexed avs,
        uint32 executorOperatorSetId,
        bytes executorCert,
        bytes result
    );

    error CertificateStale();
    error EmptyCertificateSignature();
    error ExecutorOperatorSetNotRegistered();
    error ExecutorOperatorSetTaskConfigNotSet();
    error FeeAlreadyRefunded();
    error InvalidAddressZero();
    error InvalidConsensusValue();
    error InvalidCurveType();
    error InvalidFeeReceiver();
    error InvalidFeeSplit();
    error InvalidMessageHash();
    error InvalidOperatorSetOwner();
    error InvalidReferenceTimestamp();
    error InvalidTaskStatus(TaskStatus expected, TaskStatus actual);
    error OnlyRefundCollector();
    error PayloadIsEmpty();
    error TaskSLAExceedsMaximum();
    error ThresholdNotMet();
    error TimestampAtCreation();

    /// @dev Hooks and tokens are foreign code.
    modifier nonReentrant() {
        require(!_entered, "ReentrancyGuard: reentrant call");
        _entered = true;
        _;
        _entered = false;
    }

    function initialize(
        address initialOwner,
        address bn254Verifier,
        address ecdsaVerifier,
        uint16 feeSplitBips,
        address feeSplitCollector_
    ) external initializer {
        _transferOwnership(initialOwner);
        BN254_CERTIFICATE_VERIFIER = bn254Verifier;
        ECDSA_CERTIFICATE_VERIFIER = ecdsaVerifier;
        require(feeSplitBips <= BIPS, InvalidFeeSplit());
        feeSplit = feeSplitBips;
        emit FeeSplitSet(feeSplitBips);
        require(feeSplitCollector_ != address(0), InvalidAddressZero());
        feeSplitCollector = feeSplitCollector_;
        emit FeeSplitCollectorSet(feeSplitCollector_);
    }

    /// @notice By the owner that the operator set's transported table names; registers the set as well.
    function setExecutorOperatorSetTaskConfig(
        OperatorSet memory operatorSet,
        ExecutorOperatorSetTaskConfig memory config
    ) external {
        _requireConfig(config);
        require(config.taskSLA <= MAX_TASK_SLA, TaskSLAExceedsMaximum());
        _validateConsensus(config.consensus);
        _requireOwner(operatorSet, config.curveType);
        _configs[operatorSet.key()] = config;
        emit ExecutorOperatorSetTaskConfigSet(msg.sender, operatorSet.avs, operatorSet.id, config);
        if (!isExecutorOperatorSetRegistered[operatorSet.key()]) _register(operatorSet, true);
    }

    function registerExecutorOperatorSet(OperatorSet memory operatorSet, bool isRegistered) external {
        ExecutorOperatorSetTaskConfig memory config = _configs[operatorSet.key()];
        _requireConfig(config);
        _requireOwner(operatorSet, config.curveType);
        _register(operatorSet, isRegistered);
    }

    function createTask(TaskParams memory taskParams) external nonReentrant returns (bytes32 taskHash) {
        require(taskParams.payload.length > 0, PayloadIsEmpty());
        bytes32 key = taskParams.executorOperatorSet.key();
        require(isExecutorOperatorSetRegistered[key], ExecutorOperatorSetNotRegistered());
        ExecutorOperatorSetTaskConfig memory config = _configs[key];
        _requireConfig(config);

        IAVSTaskHook hook = IAVSTaskHook(config.taskHook);
        hook.validatePreTaskCreation(msg.sender, taskParams);
        uint96 avsFee = hook.calculateTaskFee(taskParams);
        uint32 referenceTimestamp = _usableReferenceTimestamp(taskParams.executorOperatorSet, config);

        taskHash = keccak256(abi.encode(_taskCount, address(this), block.chainid, taskParams));
        _taskCount++;
        _store(taskHash, taskParams, config, avsFee, referenceTimestamp);
        if (config.feeToken != address(0) && avsFee > 0) {
            require(config.feeCollector != address(0), InvalidFeeReceiver());
            require(taskParams.refundCollector != address(0), InvalidFeeReceiver());
            TokenTransfer.collect(config.feeToken, msg.sender, avsFee);
        }
        hook.handlePostTaskCreation(taskHash);
        _emitTaskCreated(taskHash);
    }

    /// @notice Checks, in this order: status, time, the hook, the certificate's shape, the certificate.
    function submitResult(bytes32 taskHash, bytes memory executorCert, bytes memory result) external nonReentrant {
        Task memory task = _tasks[taskHash];
        _requireStatus(task, TaskStatus.CREATED);
        require(block.timestamp > task.creationTime, TimestampAtCreation());
        IAVSTaskHook hook = IAVSTaskHook(task.executorOperatorSetTaskConfig.taskHook);
        hook.validatePreTaskResultSubmission(msg.sender, taskHash, executorCert, result);
        _verifyCertificate(task, getMessageHash(taskHash, result), executorCert);

        _tasks[taskHash].status = TaskStatus.VERIFIED;
        _tasks[taskHash].executorCert = executorCert;
        _tasks[taskHash].result = result;
        _payOut(task);
        hook.handlePostTaskResultSubmission(msg.sender, taskHash);
        emit TaskVerified(msg.sender, taskHash, task.avs, task.executorOperatorSetId, executorCert, result);
    }

    /// @notice Returns the fee of an expired task.
    function refundFee(bytes32 taskHash) external nonReentrant {
        Task memory task = _tasks[taskHash];
        require(task.refundCollector == msg.sender, OnlyRefundCollector());
        require(!task.isFeeRefunded, FeeAlreadyRefunded());
        _requireStatus(task, TaskStatus.EXPIRED);
        _tasks[taskHash].isFeeRefunded = true;
        if (_hasFee(task)) {
            TokenTransfer.pay(task.executorOperatorSetTaskConfig.feeToken, task.refundCollector, task.avsFee);
        }
        emit FeeRefunded(task.refundCollector, taskHash, task.avsFee);
    }

    function getExecutorOperatorSetTaskConfig(OperatorSet memory operatorSet)
        external
        view
        returns (ExecutorOperatorSetTaskConfig memory)
    {
        return _configs[operatorSet.key()];
    }

    function getTaskInfo(bytes32 taskHash) external view returns (Task memory task) {
        task = _tasks[taskHash];
        task.status = _statusOf(task);
    }

    function getTaskStatus(bytes32 taskHash) external view returns (TaskStatus) {
        return _statusOf(_tasks[taskHash]);
    }

    function getTaskResult(bytes32 taskHash) external view returns (bytes memory) {
        Task memory task = _tasks[taskHash];
        _requireStatus(task, TaskStatus.VERIFIED);
        return task.result;
    }

    /// @return What the executors' certificate is about: this result of this task
    function getMessageHash(bytes32 taskHash, bytes memory result) public pure returns (bytes32) {
        return keccak256(abi.encode(taskHash, result));
    }

    function getBN254CertificateBytes(BN254Certificate memory cert) external pure returns (bytes memory) {
        return abi.encode(cert);
    }

    function getECDSACertificateBytes(ECDSACertificate memory cert) external pure returns (bytes memory) {
        return abi.encode(cert);
    }

    function _register(OperatorSet memory operatorSet, bool isRegistered) private {
        isExecutorOperatorSetRegistered[operatorSet.key()] = isRegistered;
        emit ExecutorOperatorSetRegistered(msg.sender, operatorSet.avs, operatorSet.id, isRegistered);
    }

    function _store(
        bytes32 taskHash,
        TaskParams memory taskParams,
        ExecutorOperatorSetTaskConfig memory config,
        uint96 avsFee,
        uint32 referenceTimestamp
    ) private {
        Task storage task = _tasks[taskHash];
        task.creator = msg.sender;
        task.creationTime = uint96(block.timestamp);
        task.avs = taskParams.executorOperatorSet.avs;
        task.avsFee = avsFee;
        task.refundCollector = taskParams.refundCollector;
        task.executorOperatorSetId = taskParams.executorOperatorSet.id;
        task.feeSplit = feeSplit;
        task.status = TaskStatus.CREATED;
        task.operatorTableReferenceTimestamp = referenceTimestamp;
        task.executorOperatorSetTaskConfig = config;
        task.payload = taskParams.payload;
    }

    function _emitTaskCreated(bytes32 taskHash) private {
        Task memory task = _tasks[taskHash];
        emit TaskCreated(
            task.creator,
            taskHash,
            task.avs,
            task.executorOperatorSetId,
            task.operatorTableReferenceTimestamp,
            task.refundCollector,
            task.avsFee,
            uint256(task.creationTime) + task.executorOperatorSetTaskConfig.taskSLA,
            task.payload
        );
    }

    function _payOut(Task memory task) private {
        if (!_hasFee(task)) return;
        ExecutorOperatorSetTaskConfig memory config = task.executorOperatorSetTaskConfig;
        uint256 split = uint256(task.avsFee) * task.feeSplit / BIPS;
        if (split > 0) TokenTransfer.pay(config.feeToken, feeSplitCollector, split);
        if (split < task.avsFee) TokenTransfer.pay(config.feeToken, config.feeCollector, task.avsFee - split);
    }

    function _verifyCertificate(Task memory task, bytes32 messageHash, bytes memory executorCert) private {
        if (task.executorOperatorSetTaskConfig.curveType == CurveType.BN254) {
            BN254Certificate memory certificate = abi.decode(executorCert, (BN254Certificate));
            _requireMatch(task, messageHash, certificate.referenceTimestamp, certificate.messageHash);
            require(certificate.signature.X != 0 || certificate.signature.Y != 0, EmptyCertificateSignature());
            _verifyBN254(task, certificate);
        } else {
            ECDSACertificate memory certificate = abi.decode(executorCert, (ECDSACertificate));
            _requireMatch(task, messageHash, certificate.referenceTimestamp, certificate.messageHash);
            require(certificate.sig.length > 0, EmptyCertificateSignature());
            _verifyECDSA(task, certificate);
        }
    }

    function _verifyBN254(Task memory task, BN254Certificate memory certificate) private {
        IBN254CertificateVerifier verifier = IBN254CertificateVerifier(BN254_CERTIFICATE_VERIFIER);
        OperatorSet memory operatorSet = OperatorSet(task.avs, task.executorOperatorSetId);
        if (_consensusType(task) == ConsensusType.NONE) {
            verifier.verifyCertificate(operatorSet, certificate);
        } else {
            require(
                verifier.verifyCertificateProportion(operatorSet, certificate, _thresholds(task)), ThresholdNotMet()
            );
        }
    }

    function _verifyECDSA(Task memory task, ECDSACertificate memory certificate) private view {
        IECDSACertificateVerifier verifier = IECDSACertificateVerifier(ECDSA_CERTIFICATE_VERIFIER);
        OperatorSet memory operatorSet = OperatorSet(task.avs, task.executorOperatorSetId);
        if (_consensusType(task) == ConsensusType.NONE) {
            verifier.verifyCertificate(operatorSet, certificate);
        } else {
            (bool met,) = verifier.verifyCertificateProportion(operatorSet, certificate, _thresholds(task));
            require(met, ThresholdNotMet());
        }
    }

    /// @dev A table that will be too old by the task's deadline is refused now.
    function _usableReferenceTimestamp(OperatorSet memory operatorSet, ExecutorOperatorSetTaskConfig memory config)
        private
        view
        returns (uint32 referenceTimestamp)
    {
        ICertificateVerifier verifier = ICertificateVerifier(_verifierOf(config.curveType));
        referenceTimestamp = verifier.latestReferenceTimestamp(operatorSet);
        uint256 staleness = verifier.maxOperatorTableStaleness(operatorSet);
        require(
            staleness == 0 || block.timestamp + config.taskSLA <= referenceTimestamp + staleness, CertificateStale()
        );
    }

    function _requireOwner(OperatorSet memory operatorSet, CurveType curveType) private view {
        require(
            ICertificateVerifier(_verifierOf(curveType)).getOperatorSetOwner(operatorSet) == msg.sender,
            InvalidOperatorSetOwner()
        );
    }

    function _verifierOf(CurveType curveType) private view returns (address) {
        if (curveType == CurveType.BN254) return BN254_CERTIFICATE_VERIFIER;
        if (curveType == CurveType.ECDSA) return ECDSA_CERTIFICATE_VERIFIER;
        revert InvalidCurveType();
    }

    function _statusOf(Task memory task) private view returns (TaskStatus) {
        bool late = block.timestamp > uint256(task.creationTime) + task.executorOperatorSetTaskConfig.taskSLA;
        return task.status == TaskStatus.CREATED && late ? TaskStatus.EXPIRED : task.status;
    }

    function _requireStatus(Task memory task, TaskStatus expected) private view {
        TaskStatus actual = _statusOf(task);
        require(actual == expected, InvalidTaskStatus(expected, actual));
    }

    function _requireMatch(Task memory task, bytes32 messageHash, uint32 certifiedTimestamp, bytes32 certifiedHash)
        private
        pure
    {
        require(certifiedTimestamp == task.operatorTableReferenceTimestamp, InvalidReferenceTimestamp());
        require(certifiedHash == messageHash, InvalidMessageHash());
    }

    function _requireConfig(ExecutorOperatorSetTaskConfig memory config) private pure {
        require(
            config.curveType != CurveType.NONE && config.taskHook != address(0) && config.taskSLA > 0,
            ExecutorOperatorSetTaskConfigNotSet()
        );
    }

    function _validateConsensus(Consensus memory consensus) private pure {
        if (consensus.consensusType == ConsensusType.NONE) {
            require(consensus.value.length == 0, InvalidConsensusValue());
        } else {
            require(consensus.value.length == 32, InvalidConsensusValue());
            require(abi.decode(consensus.value, (uint16)) <= BIPS, InvalidConsensusValue());
        }
    }

    function _consensusType(Task memory task) private pure returns (ConsensusType) {
        return task.executorOperatorSetTaskConfig.consensus.consensusType;
    }

    function _thresholds(Task memory task) private pure returns (uint16[] memory thresholds) {
        thresholds = new uint16[](1);
        thresholds[0] = abi.decode(task.executorOperatorSetTaskConfig.consensus.value, (uint16));
    }

    function _hasFee(Task memory task) private pure returns (bool) {
        return task.executorOperatorSetTaskConfig.feeToken != address(0) && task.avsFee > 0;
    }
}
