// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Written for comparison, in the style of the contract that is commonly used for this: arrays of addresses and amounts.
contract Disperse {
    function coin(address payable[] calldata payees, uint256[] calldata amounts) external payable {
        for (uint256 i = 0; i < payees.length; i++) payees[i].transfer(amounts[i]);
        uint256 left = address(this).balance;
        if (left > 0) payable(msg.sender).transfer(left);
    }

    /// @notice Pulls the sum once.
    function token(IERC20 asset, address[] calldata payees, uint256[] calldata amounts) external {
        uint256 sum = 0;
        for (uint256 i = 0; i < payees.length; i++) sum += amounts[i];
        require(asset.transferFrom(msg.sender, address(this), sum));
        for (uint256 i = 0; i < payees.length; i++) require(asset.transfer(payees[i], amounts[i]));
    }

    /// @notice Moves each from the sender.
    function tokenSimple(IERC20 asset, address[] calldata payees, uint256[] calldata amounts) external {
        for (uint256 i = 0; i < payees.length; i++) require(asset.transferFrom(msg.sender, payees[i], amounts[i]));
    }
}

contract Token is ERC20("Token", "TOK") {
    function mint(address to, uint256 value) external {
        _mint(to, value);
    }
}
