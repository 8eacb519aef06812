// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

interface IWrapped {
    function deposit() external payable;
    function withdraw(uint256 value) external;
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// @notice Moves the native coin by calls, which no log tells of.
contract Forwarder {
    constructor() payable {}

    receive() external payable {}

    function forward(address payable to) external payable {
        _pay(to, msg.value);
    }

    /// @dev The first call fails, with everything beneath it; the second does not.
    function stumble(address payable to) external payable {
        try this.payThenRevert{value: msg.value / 2}(to) {} catch {}
        _pay(to, msg.value - msg.value / 2);
    }

    function payThenRevert(address payable to) external payable {
        _pay(to, msg.value);
        revert("did not happen");
    }

    function unwrapTo(IWrapped wrapped, uint256 value, address payable to) external {
        wrapped.transferFrom(msg.sender, address(this), value);
        wrapped.withdraw(value);
        _pay(to, value);
    }

    function _pay(address payable to, uint256 value) private {
        (bool ok,) = to.call{value: value}("");
        require(ok, "not taken");
    }
}

/// @notice A wallet that is a contract: whoever calls it pays the gas.
contract Account {
    receive() external payable {}

    function execute(address to, uint256 value, bytes calldata data) external payable returns (bytes memory) {
        (bool ok, bytes memory answer) = to.call{value: value}(data);
        require(ok, "failed");
        return answer;
    }
}
