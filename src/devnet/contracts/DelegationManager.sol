// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

/// @notice Who is an operator, and who has delegated to whom. Without shares: stake is set at the
/// AllocationManager, and delegations count nothing.
/// @dev Needs no set-up.
contract DelegationManager {
    struct SignatureWithExpiry {
        bytes signature;
        uint256 expiry;
    }

    mapping(address staker => address operator) public delegatedTo;
    mapping(address operator => address) private _delegationApprovers;

    event OperatorMetadataURIUpdated(address indexed operator, string metadataURI);
    event OperatorRegistered(address indexed operator, address delegationApprover);
    event StakerDelegated(address indexed staker, address indexed operator);

    error ActivelyDelegated();
    error OperatorNotRegistered();
    error UnauthorizedCaller();

    /// @notice Makes the caller an operator. The allocation delay is of no matter here.
    function registerAsOperator(address initDelegationApprover, uint32, string memory metadataURI) external {
        require(delegatedTo[msg.sender] == address(0), ActivelyDelegated());
        _delegationApprovers[msg.sender] = initDelegationApprover;
        delegatedTo[msg.sender] = msg.sender;
        emit OperatorRegistered(msg.sender, initDelegationApprover);
        emit StakerDelegated(msg.sender, msg.sender);
        emit OperatorMetadataURIUpdated(msg.sender, metadataURI);
    }

    /// @notice Delegates the caller to an operator without an approver, or to itself as the approver;
    /// approval by signature is not offered.
    function delegateTo(address operator, SignatureWithExpiry memory, bytes32) external {
        require(delegatedTo[msg.sender] == address(0), ActivelyDelegated());
        require(isOperator(operator), OperatorNotRegistered());
        address approver = _delegationApprovers[operator];
        require(approver == address(0) || approver == msg.sender, UnauthorizedCaller());
        delegatedTo[msg.sender] = operator;
        emit StakerDelegated(msg.sender, operator);
    }

    function isOperator(address operator) public view returns (bool) {
        return operator != address(0) && delegatedTo[operator] == operator;
    }

    function delegationApprover(address operator) external view returns (address) {
        return _delegationApprovers[operator];
    }
}
