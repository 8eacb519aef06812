// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

library Sums {
    function double(uint256 value) external pure returns (uint256) { return value * 2; }
}

contract Ledger {
    uint256 public entries;
    function add(uint256 value) external { entries = Sums.double(value); }
}

/// Holds immutables, and the code of another contract.
contract Vault {
    address public immutable owner;
    uint256 public immutable limit;
    string public name;
    Note public note;
    constructor(address owner_, uint256 limit_, string memory name_) { owner = owner_; limit = limit_; name = name_; note = new Note(); }
    function room() external view returns (uint256) { return limit; }
}

contract Note { function text() external pure returns (string memory) { return "kept"; } }
