// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {OperatorSet} from "./Types.sol";

/// @notice The 32-byte name of an operator set: avs (20 bytes) followed by the id (12 bytes).
library OperatorSets {
    function key(OperatorSet memory operatorSet) internal pure returns (bytes32) {
        return bytes32(abi.encodePacked(operatorSet.avs, uint96(operatorSet.id)));
    }
}
