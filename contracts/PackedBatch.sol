// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchRecords} from "./BatchRecords.sol";

/// @title Pays many at once, for anybody.
/// @notice It has no owner, keeps no storage and holds nothing between transactions. All are paid or nobody is.
///
/// Re-entrancy: a payee that calls back is a payer like any other. Each call ends with the balance it began with, or reverts; a token batch pays out
/// exactly what it pulled in. So the money of an outer call cannot be taken by an inner one.
contract PackedBatch is BatchRecords {
    /// @notice The list pays more than was sent along.
    error SentTooLittle();
    /// @notice The list does not add up to the total.
    error TotalDiffers(uint256 sum);
    /// @notice The token did not give the total, or kept a fee of it.
    error PullFailed();

    /// @notice Pays the network's coin. What is sent above the sum comes back.
    function payCoin(bytes calldata list) external payable {
        uint256 before;
        unchecked {
            before = address(this).balance - msg.value;
        }
        _payCoin(list);
        uint256 left = address(this).balance;
        if (left < before) revert SentTooLittle();
        if (left != before) {
            unchecked {
                left -= before;
            }
            assembly ("memory-safe") {
                if iszero(call(gas(), caller(), left, 0, 0, 0, 0)) { revert(0, 0) }
            }
        }
    }

    /// @notice Pays an ERC-20 out of the sender's allowance to this contract: `total` is pulled once, and must be the list's sum.
    function payToken(address token, uint256 total, bytes calldata list) external {
        _pull(token, total);
        uint256 sum = _payToken(token, list);
        if (sum != total) revert TotalDiffers(sum);
    }

    /// @dev transferFrom(sender, here, total), and a look whether it arrived: a token that keeps a fee is refused.
    function _pull(address token, uint256 total) private {
        bool pulled;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(0x60, total)
            mstore(0x40, address())
            mstore(0x2c, shl(96, caller()))
            mstore(0x0c, shl(96, 0x23b872dd)) // transferFrom(address,address,uint256)
            let done := call(gas(), token, 0, 0x1c, 0x64, 0, 0x20)
            pulled := and(done, or(iszero(returndatasize()), and(gt(returndatasize(), 31), eq(mload(0), 1))))
            mstore(0x00, 0x70a08231) // balanceOf(address)
            mstore(0x20, address())
            let told := staticcall(gas(), token, 0x1c, 0x24, 0, 0x20)
            pulled := and(pulled, and(and(told, gt(returndatasize(), 31)), iszero(lt(mload(0), total))))
            mstore(0x60, 0)
            mstore(0x40, free)
        }
        if (!pulled) revert PullFailed();
    }
}
