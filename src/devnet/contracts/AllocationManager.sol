// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {AddressSet} from "./AddressSet.sol";
import {IAVSRegistrar, IDelegationManager, IKeyRegistrar} from "./Interfaces.sol";
import {Initializable} from "./Initializable.sol";
import {OperatorSets} from "./OperatorSets.sol";
import {Ownable} from "./Ownable.sol";
import {OperatorSet} from "./Types.sol";

/// @notice Operator sets, who is in them, and how much stake each member puts at risk for them.
/// Stake comes from `setStake` here: a devnet has no deposits, no delegated shares and no waiting times.
/// @dev Set-up: `initialize(owner, delegationManager, keyRegistrar)`, once.
contract AllocationManager is Initializable, Ownable {
    using AddressSet for AddressSet.Set;
    using OperatorSets for OperatorSet;

    struct RegisterParams {
        address avs;
        uint32[] operatorSetIds;
        bytes data;
    }

    struct DeregisterParams {
        address operator;
        address avs;
        uint32[] operatorSetIds;
    }

    /// @notice The one kind of stake that exists here (the beacon chain strategy's address).
    address public constant STRATEGY = 0xbeaC0eeEeeeeEEeEeEEEEeeEEeEeeeEeeEEBEaC0;

    IDelegationManager public delegationManager;
    IKeyRegistrar public keyRegistrar;

    mapping(address avs => address) private _registrars;
    mapping(bytes32 operatorSetKey => bool) private _operatorSets;
    mapping(bytes32 operatorSetKey => AddressSet.Set) private _members;
    mapping(bytes32 operatorSetKey => mapping(address operator => uint256)) private _stakes;

    event AVSRegistrarSet(address avs, address registrar);
    event OperatorAddedToOperatorSet(address indexed operator, OperatorSet operatorSet);
    event OperatorRemovedFromOperatorSet(address indexed operator, OperatorSet operatorSet);
    event OperatorSetCreated(OperatorSet operatorSet);
    event StakeSet(address indexed operator, OperatorSet operatorSet, uint256 stake);

    error AlreadyMemberOfSet();
    error InvalidAVSRegistrar();
    error InvalidCaller();
    error InvalidOperator();
    error InvalidOperatorSet();
    error NotMemberOfSet();

    function initialize(address initialOwner, address delegationManager_, address keyRegistrar_)
        external
        initializer
    {
        _transferOwnership(initialOwner);
        delegationManager = IDelegationManager(delegationManager_);
        keyRegistrar = IKeyRegistrar(keyRegistrar_);
    }

    /// @notice Names the contract that is asked when operators come and go; by the AVS.
    function setAVSRegistrar(address avs, address registrar) external {
        require(msg.sender == avs, InvalidCaller());
        require(IAVSRegistrar(registrar).supportsAVS(avs), InvalidAVSRegistrar());
        _registrars[avs] = registrar;
        emit AVSRegistrarSet(avs, registrar);
    }

    /// @notice Creates operator sets; by the AVS.
    function createOperatorSets(address avs, uint32[] memory operatorSetIds) external {
        require(msg.sender == avs, InvalidCaller());
        for (uint256 i; i < operatorSetIds.length; i++) {
            OperatorSet memory operatorSet = OperatorSet(avs, operatorSetIds[i]);
            require(!_operatorSets[operatorSet.key()], InvalidOperatorSet());
            _operatorSets[operatorSet.key()] = true;
            emit OperatorSetCreated(operatorSet);
        }
    }

    /// @notice Sets what an operator puts at risk for an operator set, member or not; by the owner.
    function setStake(address operator, OperatorSet memory operatorSet, uint256 stake) external onlyOwner {
        require(_operatorSets[operatorSet.key()], InvalidOperatorSet());
        _stakes[operatorSet.key()][operator] = stake;
        emit StakeSet(operator, operatorSet, stake);
    }

    /// @param params `data` is handed to the AVS's registrar, which has the last word
    function registerForOperatorSets(address operator, RegisterParams memory params) external {
        require(msg.sender == operator, InvalidCaller());
        require(delegationManager.isOperator(operator), InvalidOperator());
        for (uint256 i; i < params.operatorSetIds.length; i++) {
            OperatorSet memory operatorSet = OperatorSet(params.avs, params.operatorSetIds[i]);
            require(_operatorSets[operatorSet.key()], InvalidOperatorSet());
            require(_members[operatorSet.key()].add(operator), AlreadyMemberOfSet());
            emit OperatorAddedToOperatorSet(operator, operatorSet);
        }
        IAVSRegistrar(getAVSRegistrar(params.avs)).registerOperator(
            operator, params.avs, params.operatorSetIds, params.data
        );
    }

    /// @notice By the operator or the AVS. The last member takes the place of the one who leaves, and the
    /// operator's key for the set is deleted.
    function deregisterFromOperatorSets(DeregisterParams memory params) external {
        require(msg.sender == params.operator || msg.sender == params.avs, InvalidCaller());
        for (uint256 i; i < params.operatorSetIds.length; i++) {
            OperatorSet memory operatorSet = OperatorSet(params.avs, params.operatorSetIds[i]);
            require(_operatorSets[operatorSet.key()], InvalidOperatorSet());
            require(_members[operatorSet.key()].remove(params.operator), NotMemberOfSet());
            emit OperatorRemovedFromOperatorSet(params.operator, operatorSet);
            if (keyRegistrar.isRegistered(operatorSet, params.operator)) {
                keyRegistrar.deregisterKey(params.operator, operatorSet);
            }
        }
        IAVSRegistrar(getAVSRegistrar(params.avs)).deregisterOperator(
            params.operator, params.avs, params.operatorSetIds
        );
    }

    /// @return The AVS itself when it has named none
    function getAVSRegistrar(address avs) public view returns (address) {
        address registrar = _registrars[avs];
        return registrar == address(0) ? avs : registrar;
    }

    function isOperatorSet(OperatorSet memory operatorSet) external view returns (bool) {
        return _operatorSets[operatorSet.key()];
    }

    function getMembers(OperatorSet memory operatorSet) external view returns (address[] memory) {
        return _members[operatorSet.key()].values;
    }

    function getMemberCount(OperatorSet memory operatorSet) external view returns (uint256) {
        return _members[operatorSet.key()].values.length;
    }

    function isMemberOfOperatorSet(address operator, OperatorSet memory operatorSet) external view returns (bool) {
        return _members[operatorSet.key()].contains(operator);
    }

    function getStrategiesInOperatorSet(OperatorSet memory operatorSet)
        external
        view
        returns (address[] memory strategies)
    {
        strategies = new address[](_operatorSets[operatorSet.key()] ? 1 : 0);
        if (strategies.length == 1) strategies[0] = STRATEGY;
    }

    /// @dev The future block is of no matter: stake changes at once.
    /// @return stakes By operator, then by strategy
    function getMinimumSlashableStake(
        OperatorSet memory operatorSet,
        address[] memory operators,
        address[] memory strategies,
        uint32
    ) external view returns (uint256[][] memory stakes) {
        bytes32 key = operatorSet.key();
        stakes = new uint256[][](operators.length);
        for (uint256 i; i < operators.length; i++) {
            stakes[i] = new uint256[](strategies.length);
            if (!_members[key].contains(operators[i])) continue;
            for (uint256 j; j < strategies.length; j++) {
                if (strategies[j] == STRATEGY) stakes[i][j] = _stakes[key][operators[i]];
            }
        }
    }
}
