// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {BN254OperatorInfo} from "./Types.sol";

/// @notice Leaf hashes, salted so that a leaf of one tree can be neither a node nor a leaf of another.
library Leaves {
    bytes1 private constant OPERATOR_INFO_SALT = 0x75;
    bytes1 private constant OPERATOR_TABLE_SALT = 0x8e;

    function ofOperatorInfo(BN254OperatorInfo memory info) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(OPERATOR_INFO_SALT, abi.encode(info)));
    }

    function ofOperatorTable(bytes memory tableBytes) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(OPERATOR_TABLE_SALT, tableBytes));
    }
}
