// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IAVSTaskHook} from "./Interfaces.sol";
import {TaskParams} from "./TaskTypes.sol";

/// @notice A hook that refuses at a chosen stage and charges a chosen fee, for trying how a node copes.
/// Anyone may adjust it.
/// @dev Needs no set-up.
contract AdjustableTaskHook is IAVSTaskHook {
    enum Stage {
        NEVER,
        BEFORE_CREATION,
        AFTER_CREATION,
        BEFORE_RESULT,
        AFTER_RESULT
    }

    Stage public refusedStage;
    uint96 public fee;

    event Handled(Stage stage, bytes32 indexed taskHash);

    error Refused(Stage stage);

    function adjust(Stage refusedStage_, uint96 fee_) external {
        refusedStage = refusedStage_;
        fee = fee_;
    }

    function validatePreTaskCreation(address, TaskParams memory) external view {
        _check(Stage.BEFORE_CREATION);
    }

    function handlePostTaskCreation(bytes32 taskHash) external {
        _check(Stage.AFTER_CREATION);
        emit Handled(Stage.AFTER_CREATION, taskHash);
    }

    function validatePreTaskResultSubmission(address, bytes32, bytes memory, bytes memory) external view {
        _check(Stage.BEFORE_RESULT);
    }

    function handlePostTaskResultSubmission(address, bytes32 taskHash) external {
        _check(Stage.AFTER_RESULT);
        emit Handled(Stage.AFTER_RESULT, taskHash);
    }

    function calculateTaskFee(TaskParams memory) external view returns (uint96) {
        return fee;
    }

    function _check(Stage stage) private view {
        require(stage != refusedStage, Refused(stage));
    }
}
