// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IAllocationManager, IKeyRegistrar} from "./Interfaces.sol";
import {Initializable} from "./Initializable.sol";
import {OperatorSet} from "./Types.sol";

/// @notice Weights for both curves: one per operator, the sum over all strategies of the set.
/// @dev Set-up: `initialize(allocationManager, keyRegistrar)`, once.
abstract contract TableCalculator is Initializable {
    IAllocationManager public allocationManager;
    IKeyRegistrar public keyRegistrar;

    function initialize(address allocationManager_, address keyRegistrar_) external initializer {
        allocationManager = IAllocationManager(allocationManager_);
        keyRegistrar = IKeyRegistrar(keyRegistrar_);
    }

    /// @notice Members in their order, without those who have no stake; key-less ones included.
    /// @return operators and, at the same places, `weights`
    function getOperatorSetWeights(OperatorSet memory operatorSet)
        public
        view
        returns (address[] memory operators, uint256[][] memory weights)
    {
        address[] memory members = allocationManager.getMembers(operatorSet);
        uint256[] memory sums = _weigh(operatorSet, members);
        uint256 count;
        for (uint256 i; i < sums.length; i++) {
            if (sums[i] != 0) count++;
        }
        operators = new address[](count);
        weights = new uint256[][](count);
        uint256 place;
        for (uint256 i; i < sums.length; i++) {
            if (sums[i] == 0) continue;
            operators[place] = members[i];
            weights[place++] = _single(sums[i]);
        }
    }

    /// @return One weight, or none for who has no stake in the set
    function getOperatorWeights(OperatorSet memory operatorSet, address operator)
        external
        view
        returns (uint256[] memory)
    {
        address[] memory operators = new address[](1);
        operators[0] = operator;
        uint256 sum = _weigh(operatorSet, operators)[0];
        return sum == 0 ? new uint256[](0) : _single(sum);
    }

    function _weigh(OperatorSet memory operatorSet, address[] memory operators)
        private
        view
        returns (uint256[] memory sums)
    {
        uint256[][] memory stakes = allocationManager.getMinimumSlashableStake(
            operatorSet, operators, allocationManager.getStrategiesInOperatorSet(operatorSet), uint32(block.number)
        );
        sums = new uint256[](operators.length);
        for (uint256 i; i < operators.length; i++) {
            for (uint256 j; j < stakes[i].length; j++) sums[i] += stakes[i][j];
        }
    }

    function _single(uint256 weight) private pure returns (uint256[] memory weights) {
        weights = new uint256[](1);
        weights[0] = weight;
    }
}
