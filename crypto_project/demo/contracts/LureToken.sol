// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DemoToken} from "./DemoToken.sol";

/// @notice What spammers deploy: an airdrop to strangers, and events for transfers that never happened.
contract LureToken is DemoToken {
    constructor(string memory name_, string memory symbol_, uint8 decimals_) DemoToken(name_, symbol_, decimals_) {}

    function airdrop(address[] calldata recipients, uint256 value) external onlyOwner {
        for (uint256 i = 0; i < recipients.length; i++) {
            _mint(recipients[i], value);
        }
    }

    /// @dev Moves nothing: the event alone puts a look-alike address into the history of the victim.
    function forge(address from, address to, uint256 value) external onlyOwner {
        emit Transfer(from, to, value);
    }
}
