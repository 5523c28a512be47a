// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IAllocationManager, IKeyRegistrar, IOperatorTableCalculator} from "./Interfaces.sol";
import {Initializable} from "./Initializable.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {Ownable} from "./Ownable.sol";
import {CurveType, OperatorSet, OperatorSetConfig} from "./Types.sol";

/// @notice Which operator sets have their tables transported, how those are calculated, and the
/// OperatorTableUpdater of every chain that receives them.
/// @dev Set-up: `initialize(owner, allocationManager, keyRegistrar)`, once.
contract CrossChainRegistry is Initializable, Ownable {
    using OperatorSets for OperatorSet;

    IAllocationManager public allocationManager;
    IKeyRegistrar public keyRegistrar;

    uint256[] private _chainIds;
    mapping(uint256 chainId => address) private _updaters;
    OperatorSet[] private _reservations;
    mapping(bytes32 operatorSetKey => address) private _calculators;
    mapping(bytes32 operatorSetKey => OperatorSetConfig) private _configs;

    event ChainIDAddedToWhitelist(uint256 chainID, address operatorTableUpdater);
    event GenerationReservationCreated(OperatorSet operatorSet);
    event OperatorSetConfigSet(OperatorSet operatorSet, OperatorSetConfig config);
    event OperatorTableCalculatorSet(OperatorSet operatorSet, address operatorTableCalculator);

    error ArrayLengthMismatch();
    error ChainIDAlreadyWhitelisted();
    error GenerationReservationAlreadyExists();
    error GenerationReservationDoesNotExist();
    error InvalidChainId();
    error InvalidEndIndex();
    error InvalidOperatorSet();
    error InvalidPermissions();
    error InvalidRange();
    error InvalidTableCalculator();
    error KeyTypeNotSet();

    modifier onlyAVSWithSet(OperatorSet memory operatorSet) {
        require(msg.sender == operatorSet.avs, InvalidPermissions());
        require(allocationManager.isOperatorSet(operatorSet), InvalidOperatorSet());
        _;
    }

    function initialize(address initialOwner, address allocationManager_, address keyRegistrar_)
        external
        initializer
    {
        _transferOwnership(initialOwner);
        allocationManager = IAllocationManager(allocationManager_);
        keyRegistrar = IKeyRegistrar(keyRegistrar_);
    }

    /// @notice Adds chains that receive tables; by the owner.
    function addChainIDsToWhitelist(uint256[] memory chainIDs, address[] memory operatorTableUpdaters)
        external
        onlyOwner
    {
        require(chainIDs.length == operatorTableUpdaters.length, ArrayLengthMismatch());
        for (uint256 i; i < chainIDs.length; i++) {
            require(chainIDs[i] != 0, InvalidChainId());
            require(_updaters[chainIDs[i]] == address(0), ChainIDAlreadyWhitelisted());
            _chainIds.push(chainIDs[i]);
            _updaters[chainIDs[i]] = operatorTableUpdaters[i];
            emit ChainIDAddedToWhitelist(chainIDs[i], operatorTableUpdaters[i]);
        }
    }

    /// @notice Has the table of an operator set transported from now on; by the AVS.
    function createGenerationReservation(
        OperatorSet memory operatorSet,
        address operatorTableCalculator,
        OperatorSetConfig memory config
    ) external onlyAVSWithSet(operatorSet) {
        require(keyRegistrar.getOperatorSetCurveType(operatorSet) != CurveType.NONE, KeyTypeNotSet());
        require(_calculators[operatorSet.key()] == address(0), GenerationReservationAlreadyExists());
        _reservations.push(operatorSet);
        emit GenerationReservationCreated(operatorSet);
        _setCalculator(operatorSet, operatorTableCalculator);
        _setConfig(operatorSet, config);
    }

    function setOperatorTableCalculator(OperatorSet memory operatorSet, address operatorTableCalculator)
        external
        onlyAVSWithSet(operatorSet)
    {
        require(hasActiveGenerationReservation(operatorSet), GenerationReservationDoesNotExist());
        _setCalculator(operatorSet, operatorTableCalculator);
    }

    function setOperatorSetConfig(OperatorSet memory operatorSet, OperatorSetConfig memory config)
        external
        onlyAVSWithSet(operatorSet)
    {
        require(hasActiveGenerationReservation(operatorSet), GenerationReservationDoesNotExist());
        _setConfig(operatorSet, config);
    }

    /// @return chainIds The chains, in the order in which they were added
    /// @return updaters The OperatorTableUpdater of each
    function getSupportedChains() external view returns (uint256[] memory chainIds, address[] memory updaters) {
        chainIds = _chainIds;
        updaters = new address[](chainIds.length);
        for (uint256 i; i < chainIds.length; i++) updaters[i] = _updaters[chainIds[i]];
    }

    function hasActiveGenerationReservation(OperatorSet memory operatorSet) public view returns (bool) {
        return _calculators[operatorSet.key()] != address(0);
    }

    function getActiveGenerationReservations() external view returns (OperatorSet[] memory) {
        return _reservations;
    }

    function getActiveGenerationReservationCount() external view returns (uint256) {
        return _reservations.length;
    }

    /// @param endIndex Exclusive
    function getActiveGenerationReservationsByRange(uint256 startIndex, uint256 endIndex)
        external
        view
        returns (OperatorSet[] memory range)
    {
        require(startIndex <= endIndex, InvalidRange());
        require(endIndex <= _reservations.length, InvalidEndIndex());
        range = new OperatorSet[](endIndex - startIndex);
        for (uint256 i; i < range.length; i++) range[i] = _reservations[startIndex + i];
    }

    function getOperatorTableCalculator(OperatorSet memory operatorSet) external view returns (address) {
        return _calculators[operatorSet.key()];
    }

    function getOperatorSetConfig(OperatorSet memory operatorSet) external view returns (OperatorSetConfig memory) {
        return _configs[operatorSet.key()];
    }

    /// @return What is transported: the operator set, its curve, its config and its table
    function calculateOperatorTableBytes(OperatorSet memory operatorSet) external view returns (bytes memory) {
        bytes32 key = operatorSet.key();
        return abi.encode(
            operatorSet,
            keyRegistrar.getOperatorSetCurveType(operatorSet),
            _configs[key],
            IOperatorTableCalculator(_calculators[key]).calculateOperatorTableBytes(operatorSet)
        );
    }

    function _setCalculator(OperatorSet memory operatorSet, address calculator) private {
        require(calculator != address(0), InvalidTableCalculator());
        _calculators[operatorSet.key()] = calculator;
        emit OperatorTableCalculatorSet(operatorSet, calculator);
    }

    function _setConfig(OperatorSet memory operatorSet, OperatorSetConfig memory config) private {
        _configs[operatorSet.key()] = config;
        emit OperatorSetConfigSet(operatorSet, config);
    }
}
