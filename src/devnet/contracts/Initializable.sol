// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// @notice One-time set-up in place of a constructor: the devnet places deployed bytecode at
/// fixed addresses, where no constructor has run and no immutable is filled in.
abstract contract Initializable {
    bool private _initialized;

    event Initialized(uint8 version);

    modifier initializer() {
        require(!_initialized, "Initializable: contract is already initialized");
        _initialized = true;
        _;
        emit Initialized(1);
    }
}
