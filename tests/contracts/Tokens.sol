// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";

/// @notice Plain, with any number of decimals.
contract PlainToken is ERC20 {
    uint8 private immutable _decimals;

    constructor(string memory symbol_, uint8 decimals_) ERC20(symbol_, symbol_) {
        _decimals = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function mint(address to, uint256 value) external {
        _mint(to, value);
    }
}

/// @notice Keeps a share of every transfer, or takes it from the sender on top. Its event tells of the whole.
contract FeeToken {
    string public constant name = "Fee Token";
    string public constant symbol = "FEE";
    uint8 public constant decimals = 6;
    uint256 public fee = 300; // of 10,000
    bool public onTop;
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function take(bool onTop_) external {
        onTop = onTop_;
    }

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 part = value * fee / 10_000;
        balanceOf[msg.sender] -= onTop ? value + part : value;
        balanceOf[to] += onTop ? value : value - part;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

/// @notice Says something else of itself whenever it likes, and has as much as anybody wants to move.
contract ShiftingToken {
    string public constant name = "Shifting Token";
    string public constant symbol = "SHIFT";
    uint8 public decimals;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function shift(uint8 decimals_) external {
        decimals = decimals_;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

/// @notice Balances grow and shrink with an index, without an event.
contract RebasingToken {
    string public constant name = "Rebasing Token";
    string public constant symbol = "REB";
    uint8 public constant decimals = 18;
    uint256 public index = 100;
    mapping(address => uint256) private _shares;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function balanceOf(address owner) public view returns (uint256) {
        return _shares[owner] * index / 100;
    }

    function rebase(uint256 index_) external {
        index = index_;
    }

    function mint(address to, uint256 value) external {
        _shares[to] += value * 100 / index;
        emit Transfer(address(0), to, value);
    }
}

/// @notice Says nothing about decimals.
contract SilentToken {
    string public constant name = "Silent Token";
    string public constant symbol = "HUSH";
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }

    /// @dev As EIP-20 allows: anybody may move nothing of anybody's.
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        require(value == 0, "no allowance");
        emit Transfer(from, to, value);
        return true;
    }
}

contract Pictures is ERC721 {
    constructor() ERC721("Pictures", "PIC") {}

    function mint(address to, uint256 id) external {
        _mint(to, id);
    }
}

contract Items is ERC1155 {
    constructor() ERC1155("") {}

    function mint(address to, uint256 id, uint256 value) external {
        _mint(to, id, value, "");
    }

    function mintMany(address to, uint256[] calldata ids, uint256[] calldata values) external {
        _mintBatch(to, ids, values, "");
    }
}
