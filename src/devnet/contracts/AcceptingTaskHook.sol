// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IAVSTaskHook} from "./Interfaces.sol";
import {TaskParams} from "./TaskTypes.sol";

/// @notice The hook of the demo AVS: lets everything pass and charges nothing.
/// @dev Needs no set-up.
contract AcceptingTaskHook is IAVSTaskHook {
    function validatePreTaskCreation(address, TaskParams memory) external pure {}

    function handlePostTaskCreation(bytes32) external pure {}

    function validatePreTaskResultSubmission(address, bytes32, bytes memory, bytes memory) external pure {}

    function handlePostTaskResultSubmission(address, bytes32) external pure {}

    function calculateTaskFee(TaskParams memory) external pure returns (uint96) {
        return 0;
    }
}
