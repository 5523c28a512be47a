// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {BN254} from "./BN254.sol";
import {Leaves} from "./Leaves.sol";
import {Merkle} from "./Merkle.sol";
import {TableCalculator} from "./TableCalculator.sol";
import {BN254OperatorInfo, BN254OperatorSetInfo, OperatorSet} from "./Types.sol";

/// @notice Calculates the tables of BN254 operator sets.
/// @dev Set-up: `initialize(allocationManager, keyRegistrar)`, once.
contract BN254TableCalculator is TableCalculator {
    /// @notice Aligned with `getOperatorSetWeights`: operators without a key are zero holes here.
    function getOperatorInfos(OperatorSet memory operatorSet) public view returns (BN254OperatorInfo[] memory infos) {
        (address[] memory operators, uint256[][] memory weights) = getOperatorSetWeights(operatorSet);
        infos = new BN254OperatorInfo[](operators.length);
        for (uint256 i; i < operators.length; i++) {
            if (!keyRegistrar.isRegistered(operatorSet, operators[i])) continue;
            (infos[i].pubkey,) = keyRegistrar.getBN254Key(operatorSet, operators[i]);
            infos[i].weights = weights[i];
        }
    }

    /// @notice The table itself has no holes: leaf indices count operators with stake and key only.
    function calculateOperatorTable(OperatorSet memory operatorSet)
        public
        view
        returns (BN254OperatorSetInfo memory table)
    {
        BN254OperatorInfo[] memory infos = getOperatorInfos(operatorSet);
        bytes32[] memory leaves = new bytes32[](infos.length);
        table.totalWeights = new uint256[](infos.length == 0 ? 0 : 1);
        for (uint256 i; i < infos.length; i++) {
            if (_isHole(infos[i])) continue;
            leaves[table.numOperators++] = Leaves.ofOperatorInfo(infos[i]);
            table.totalWeights[0] += infos[i].weights[0];
            table.aggregatePubkey = BN254.add(table.aggregatePubkey, infos[i].pubkey);
        }
        uint256 count = table.numOperators;
        assembly ("memory-safe") {
            mstore(leaves, count)
        }
        table.operatorInfoTreeRoot = Merkle.root(leaves);
    }

    function calculateOperatorTableBytes(OperatorSet memory operatorSet) external view returns (bytes memory) {
        return abi.encode(calculateOperatorTable(operatorSet));
    }

    /// @return found Whether the operator has a leaf
    /// @return index Its place among the leaves
    function getOperatorIndex(OperatorSet memory operatorSet, address operator)
        external
        view
        returns (bool found, uint32 index)
    {
        (address[] memory operators,) = getOperatorSetWeights(operatorSet);
        for (uint256 i; i < operators.length; i++) {
            bool registered = keyRegistrar.isRegistered(operatorSet, operators[i]);
            if (operators[i] == operator) return (registered, registered ? index : 0);
            if (registered) index++;
        }
        return (false, 0);
    }

    function _isHole(BN254OperatorInfo memory info) private pure returns (bool) {
        return info.pubkey.X == 0 && info.pubkey.Y == 0;
    }
}
