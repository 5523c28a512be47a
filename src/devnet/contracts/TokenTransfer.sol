// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// @notice ERC-20 transfers that revert when the token says no, or says nothing and has no code.
library TokenTransfer {
    function pay(address token, address to, uint256 amount) internal {
        _call(token, abi.encodeWithSignature("transfer(address,uint256)", to, amount));
    }

    function collect(address token, address from, uint256 amount) internal {
        _call(token, abi.encodeWithSignature("transferFrom(address,address,uint256)", from, address(this), amount));
    }

    function _call(address token, bytes memory data) private {
        require(token.code.length > 0, "Address: call to non-contract");
        (bool success, bytes memory answer) = token.call(data);
        require(
            success && (answer.length == 0 || abi.decode(answer, (bool))),
            "SafeERC20: ERC20 operation did not succeed"
        );
    }
}
