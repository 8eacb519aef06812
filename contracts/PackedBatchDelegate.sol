// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchRecords} from "./BatchRecords.sol";

/// @title Lets an account pay many at once out of its own balance, by EIP-7702.
/// @notice An account delegates to this code by an authorization of its own. Only the account itself may pay, and it needs no allowance: it is the
/// sender of every transfer. It keeps no storage, so another delegate finds nothing of it.
contract PackedBatchDelegate is BatchRecords {
    /// @notice Somebody else than the account called.
    error OnlyTheAccountItself();

    modifier onlyItself() {
        if (msg.sender != address(this)) revert OnlyTheAccountItself();
        _;
    }

    /// @notice An account goes on to take the coin.
    receive() external payable {}

    function payCoin(bytes calldata list) external payable onlyItself {
        _payCoin(list);
    }

    function payToken(address token, bytes calldata list) external onlyItself {
        _payToken(token, list);
    }
}
