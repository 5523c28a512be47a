// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {AddressSet} from "./AddressSet.sol";
import {IKeyRegistrar} from "./Interfaces.sol";
import {Initializable} from "./Initializable.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {Ownable} from "./Ownable.sol";
import {OperatorSet} from "./Types.sol";

/// @notice An AVS's registrar: which of its operator sets aggregate and execute, and where its
/// operators are reached.
/// @dev Set-up: `initialize(owner, avs, allocationManager, keyRegistrar, config)`, once.
contract TaskAVSRegistrar is Initializable, Ownable {
    using AddressSet for AddressSet.Set;
    using OperatorSets for OperatorSet;

    struct AvsConfig {
        uint32 aggregatorOperatorSetId;
        uint32[] executorOperatorSetIds;
    }

    address public avs;
    address public allocationManager;
    IKeyRegistrar public keyRegistrar;
    /// @notice Whether operators need a key before they join; on from the start. Switched off, a devnet
    /// can have members without keys.
    bool public keyRequired;

    AvsConfig private _config;
    mapping(address operator => string) private _sockets;
    mapping(bytes32 operatorSetKey => AddressSet.Set) private _allowlists;

    event AvsConfigSet(uint32 aggregatorOperatorSetId, uint32[] executorOperatorSetIds);
    event OperatorAddedToAllowlist(OperatorSet indexed operatorSet, address indexed operator);
    event OperatorDeregistered(address indexed operator, uint32[] operatorSetIds);
    event OperatorRegistered(address indexed operator, uint32[] operatorSetIds);
    event OperatorRemovedFromAllowlist(OperatorSet indexed operatorSet, address indexed operator);
    event OperatorSocketSet(address indexed operator, string socket);

    error CallerNotOperator();
    error ExecutorOperatorSetIdsEmpty();
    error InvalidAggregatorOperatorSetId();
    error KeyNotRegistered();
    error NotAllocationManager();
    error OperatorAlreadyInAllowlist();
    error OperatorNotInAllowlist();

    modifier onlyAllocationManager() {
        require(msg.sender == allocationManager, NotAllocationManager());
        _;
    }

    function initialize(
        address initialOwner,
        address avs_,
        address allocationManager_,
        address keyRegistrar_,
        AvsConfig memory config
    ) external initializer {
        _transferOwnership(initialOwner);
        avs = avs_;
        allocationManager = allocationManager_;
        keyRegistrar = IKeyRegistrar(keyRegistrar_);
        keyRequired = true;
        _setAvsConfig(config);
    }

    /// @param data `abi.encode(string socket)`, the socket as `host:port`
    function registerOperator(address operator, address, uint32[] memory operatorSetIds, bytes memory data)
        external
        onlyAllocationManager
    {
        for (uint256 i; i < operatorSetIds.length; i++) {
            OperatorSet memory operatorSet = OperatorSet(avs, operatorSetIds[i]);
            require(isOperatorAllowed(operatorSet, operator), OperatorNotInAllowlist());
            require(!keyRequired || keyRegistrar.isRegistered(operatorSet, operator), KeyNotRegistered());
        }
        _setSocket(operator, abi.decode(data, (string)));
        emit OperatorRegistered(operator, operatorSetIds);
    }

    function deregisterOperator(address operator, address, uint32[] memory operatorSetIds)
        external
        onlyAllocationManager
    {
        emit OperatorDeregistered(operator, operatorSetIds);
    }

    function updateSocket(address operator, string memory socket) external {
        require(msg.sender == operator, CallerNotOperator());
        _setSocket(operator, socket);
    }

    function setAvsConfig(AvsConfig memory config) external onlyOwner {
        _setAvsConfig(config);
    }

    function setKeyRequired(bool required) external onlyOwner {
        keyRequired = required;
    }

    function addOperatorToAllowlist(OperatorSet memory operatorSet, address operator) external onlyOwner {
        require(_allowlists[operatorSet.key()].add(operator), OperatorAlreadyInAllowlist());
        emit OperatorAddedToAllowlist(operatorSet, operator);
    }

    function removeOperatorFromAllowlist(OperatorSet memory operatorSet, address operator) external onlyOwner {
        require(_allowlists[operatorSet.key()].remove(operator), OperatorNotInAllowlist());
        emit OperatorRemovedFromAllowlist(operatorSet, operator);
    }

    /// @notice An operator set whose list is empty admits everyone.
    function isOperatorAllowed(OperatorSet memory operatorSet, address operator) public view returns (bool) {
        AddressSet.Set storage allowlist = _allowlists[operatorSet.key()];
        return allowlist.values.length == 0 || allowlist.contains(operator);
    }

    function getAvsConfig() external view returns (AvsConfig memory) {
        return _config;
    }

    function getOperatorSocket(address operator) external view returns (string memory) {
        return _sockets[operator];
    }

    function supportsAVS(address avs_) external view returns (bool) {
        return avs_ == avs;
    }

    function _setAvsConfig(AvsConfig memory config) private {
        uint32[] memory ids = config.executorOperatorSetIds;
        require(ids.length > 0, ExecutorOperatorSetIdsEmpty());
        for (uint256 i; i < ids.length; i++) {
            require(ids[i] != config.aggregatorOperatorSetId, InvalidAggregatorOperatorSetId());
        }
        _config = config;
        emit AvsConfigSet(config.aggregatorOperatorSetId, ids);
    }

    function _setSocket(address operator, string memory socket) private {
        _sockets[operator] = socket;
        emit OperatorSocketSet(operator, socket);
    }
}
