// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

interface IWrappedCoin is IToken {
    function deposit() external payable;
    function withdraw(uint256 value) external;
}

/// @notice Exchanges two tokens at whatever is asked for, and tells of it as a pair of Uniswap v2 does. Nobody's factory made it.
contract Pair {
    IToken public immutable token0;
    IToken public immutable token1;

    event Swap(
        address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to
    );

    constructor(IToken first, IToken second) {
        (token0, token1) = (first, second);
    }

    /// @dev What goes in has been sent before.
    function swap(uint256 in0, uint256 in1, uint256 out0, uint256 out1, address to) external {
        if (out0 > 0) token0.transfer(to, out0);
        if (out1 > 0) token1.transfer(to, out1);
        emit Swap(msg.sender, in0, in1, out0, out1, to);
    }
}

/// @notice Brings what is exchanged to the pair, and the coin in its wrapped form.
contract Router {
    receive() external payable {}

    function swap(Pair pair, bool first, uint256 amountIn, uint256 amountOut, address to) external {
        (first ? pair.token0() : pair.token1()).transferFrom(msg.sender, address(pair), amountIn);
        _swap(pair, first, amountIn, amountOut, to);
    }

    /// @dev What is not needed goes back.
    function swapCoin(Pair pair, uint256 amountIn, uint256 amountOut, address to) external payable {
        IWrappedCoin wrapped = IWrappedCoin(address(pair.token0()));
        wrapped.deposit{value: amountIn}();
        wrapped.transfer(address(pair), amountIn);
        _swap(pair, true, amountIn, amountOut, to);
        (bool ok,) = msg.sender.call{value: msg.value - amountIn}("");
        require(ok, "not taken");
    }

    function swapForCoin(Pair pair, uint256 amountIn, uint256 amountOut, address payable to) external {
        pair.token1().transferFrom(msg.sender, address(pair), amountIn);
        _swap(pair, false, amountIn, amountOut, address(this));
        IWrappedCoin(address(pair.token0())).withdraw(amountOut);
        (bool ok,) = to.call{value: amountOut}("");
        require(ok, "not taken");
    }

    /// @dev Two pairs that have their second token in common.
    function swapThrough(Pair one, Pair other, uint256 amountIn, uint256 between, uint256 amountOut, address to) external {
        one.token0().transferFrom(msg.sender, address(one), amountIn);
        _swap(one, true, amountIn, between, address(other));
        _swap(other, false, between, amountOut, to);
    }

    function _swap(Pair pair, bool first, uint256 amountIn, uint256 amountOut, address to) private {
        if (first) pair.swap(amountIn, 0, 0, amountOut, to);
        else pair.swap(0, amountIn, amountOut, 0, to);
    }
}
