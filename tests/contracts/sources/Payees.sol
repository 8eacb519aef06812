// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

interface IBatch {
    function payCoin(bytes calldata list) external payable;
    function payToken(address token, uint256 total, bytes calldata list) external;
}

contract Refuser {
    receive() external payable {
        revert("no, thank you");
    }
}

contract Burner {
    receive() external payable {
        while (true) {}
    }
}

/// @notice Answers with a megabyte, which whoever copies it pays for.
contract Bomber {
    bool public immutable reverts;

    constructor(bool reverts_) {
        reverts = reverts_;
    }

    fallback() external payable {
        bool fails = reverts;
        assembly {
            if fails { revert(0, 20000) }
            return(0, 20000)
        }
    }
}

/// @notice A wallet that is a contract: it writes and logs when it is paid.
contract Purse {
    uint256 public received;

    event Received(uint256 value);

    receive() external payable {
        received += msg.value;
        emit Received(msg.value);
    }
}

/// @notice Pays out of what an outer batch still holds, when it is paid itself.
contract Thief {
    IBatch public immutable batch;
    address public token;
    uint256 public total;
    bytes public list;
    uint256 public sent;
    bool public inside;
    bool public tried;
    bool public worked;
    bool public lets;

    constructor(IBatch batch_) {
        batch = batch_;
    }

    /// @notice `lets_`: swallows the failure of the inner call.
    function plan(address token_, uint256 total_, uint256 sent_, bytes calldata list_, bool lets_) external payable {
        (token, total, sent, list, lets) = (token_, total_, sent_, list_, lets_);
    }

    function strike() public {
        if (inside) return;
        (inside, tried) = (true, true);
        bytes memory call = token == address(0) ? abi.encodeCall(IBatch.payCoin, (list)) : abi.encodeCall(IBatch.payToken, (token, total, list));
        bool done;
        (done,) = address(batch).call{value: sent}(call);
        worked = done;
        inside = false;
        require(done || lets, "caught");
    }

    receive() external payable {
        if (list.length != 0) strike();
    }
}

contract Plain is ERC20("Plain", "PLN") {
    function mint(address to, uint256 value) external {
        _mint(to, value);
    }
}

/// @notice Calls whoever gets it, as ERC-777 does.
contract Calling is ERC20("Calling", "CALL") {
    function mint(address to, uint256 value) external {
        _mint(to, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to.code.length != 0) {
            (bool heard,) = to.call(abi.encodeWithSignature("strike()"));
            heard;
        }
    }
}

/// @notice Of every way in which tokens differ from the standard.
contract Odd {
    enum Answer {
        NOTHING,
        FALSE,
        TWO,
        ONE_BYTE,
        REVERT,
        TRUE_AND_MORE
    }

    Answer public answer;
    uint256 public fee; // of 10,000
    uint256 public after_; // how many transfers work before it answers so
    uint256 public count;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function set(Answer answer_, uint256 fee_, uint256 after__) external {
        (answer, fee, after_, count) = (answer_, fee_, after__, 0);
    }

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
    }

    /// @notice As USDT: an allowance is only changed from or to zero.
    function approve(address spender, uint256 value) external {
        require(value == 0 || allowance[msg.sender][spender] == 0);
        allowance[msg.sender][spender] = value;
    }

    function transfer(address to, uint256 value) external {
        _move(msg.sender, to, value);
        if (count++ >= after_) _say();
        else _true();
    }

    function transferFrom(address from, address to, uint256 value) external {
        allowance[from][msg.sender] -= value;
        _move(from, to, value);
        if (answer == Answer.NOTHING) return;
        _true();
    }

    function _move(address from, address to, uint256 value) private {
        balanceOf[from] -= value;
        balanceOf[to] += value - value * fee / 10_000;
    }

    function _true() private pure {
        assembly {
            mstore(0, 1)
            return(0, 32)
        }
    }

    function _say() private view {
        Answer said = answer;
        if (said == Answer.REVERT) revert("paused");
        assembly {
            switch said
            case 0 { return(0, 0) }
            case 1 {
                mstore(0, 0)
                return(0, 32)
            }
            case 2 {
                mstore(0, 2)
                return(0, 32)
            }
            case 3 {
                mstore(0, 0)
                return(0, 1)
            }
            default {
                mstore(0, 1)
                mstore(32, 7)
                return(0, 64)
            }
        }
    }
}
