// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {TableCalculator} from "./TableCalculator.sol";
import {ECDSAOperatorInfo, OperatorSet} from "./Types.sol";

/// @notice Calculates the tables of ECDSA operator sets.
/// @dev Set-up: `initialize(allocationManager, keyRegistrar)`, once.
contract ECDSATableCalculator is TableCalculator {
    /// @return infos Operators with stake and key, by signing address, in the members' order
    function calculateOperatorTable(OperatorSet memory operatorSet)
        public
        view
        returns (ECDSAOperatorInfo[] memory infos)
    {
        (address[] memory operators, uint256[][] memory weights) = getOperatorSetWeights(operatorSet);
        infos = new ECDSAOperatorInfo[](operators.length);
        uint256 count;
        for (uint256 i; i < operators.length; i++) {
            if (!keyRegistrar.isRegistered(operatorSet, operators[i])) continue;
            infos[count++] =
                ECDSAOperatorInfo(keyRegistrar.getECDSAAddress(operatorSet, operators[i]), weights[i]);
        }
        assembly ("memory-safe") {
            mstore(infos, count)
        }
    }

    function calculateOperatorTableBytes(OperatorSet memory operatorSet) external view returns (bytes memory) {
        return abi.encode(calculateOperatorTable(operatorSet));
    }
}
