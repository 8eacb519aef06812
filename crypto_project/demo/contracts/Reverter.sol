// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice A counterparty whose calls always fail: a sold-out sale, a paused vault.
contract Reverter {
    error SaleClosed(uint256 closedAt);

    function buy() external payable {
        revert("sale is sold out");
    }

    function claim() external payable {
        revert SaleClosed(block.timestamp);
    }

    receive() external payable {
        revert("no direct payments");
    }
}
