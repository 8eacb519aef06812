// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Who is paid how much, packed, and the two loops that pay them. All or nothing: the first payment that fails reverts everything before it.
///
/// A list is one byte `width` (8 to 12) and then a record for each payee: 20 bytes address, `width` bytes amount, both big-endian. The width is the
/// list's own, so that small amounts cost no zero bytes. A record fits a word.
abstract contract BatchRecords {
    /// @notice The list is empty, its width is none, or its last record is cut.
    error MalformedBatch();
    /// @notice The payee at this place, counted from 0, did not take the money.
    error PaymentFailed(uint256 index);
    /// @notice There is no contract at the token's address.
    error NoToken();

    /// @dev What a payee's code may use. Enough for wallets that are contracts; one that burns it all costs the sender this much and a revert.
    uint256 internal constant PAYEE_GAS = 100_000;
    /// @dev PaymentFailed(uint256)
    uint256 private constant PAYMENT_FAILED = 0x1e67017f;

    /// @return first where the first record begins, in calldata
    /// @return end behind the last one
    /// @return step how long a record is
    function _opened(bytes calldata list) private pure returns (uint256 first, uint256 end, uint256 step) {
        unchecked {
            if (list.length < 2) revert MalformedBatch();
            step = 20 + uint256(uint8(list[0]));
            if (step - 28 > 4 || (list.length - 1) % step != 0) revert MalformedBatch();
        }
        assembly ("memory-safe") {
            first := add(list.offset, 1)
            end := add(list.offset, list.length)
        }
    }

    /// @dev Pays the coin from this contract's balance. No returned bytes are copied.
    function _payCoin(bytes calldata list) internal {
        (uint256 first, uint256 end, uint256 step) = _opened(list);
        assembly ("memory-safe") {
            let bits := shl(3, sub(step, 20)) // of an amount
            let mask := shr(sub(256, bits), not(0))
            let back := sub(32, step) // a word that ends with the record begins before it: a call looks at 20 bytes of the address only
            let last := sub(end, back)
            for { let place := sub(first, back) } lt(place, last) { place := add(step, place) } {
                let record := calldataload(place)
                if iszero(call(PAYEE_GAS, shr(bits, record), and(mask, record), 0, 0, 0, 0)) {
                    mstore(0, PAYMENT_FAILED)
                    mstore(0x20, div(sub(add(place, back), first), step))
                    revert(0x1c, 0x24)
                }
            }
        }
    }

    /// @dev Pays an ERC-20 that this contract holds, and returns the sum. A token that answers must answer `true`; one that answers nothing is
    /// believed (as USDT), since it has code.
    function _payToken(address token, bytes calldata list) internal returns (uint256 sum) {
        if (token.code.length == 0) revert NoToken();
        (uint256 first, uint256 end, uint256 step) = _opened(list);
        assembly ("memory-safe") {
            let free := mload(0x40)
            let shift := sub(416, shl(3, step)) // 256 - 8 * (step - 20)
            mstore(0x20, 0)
            for { let place := first } lt(place, end) { place := add(step, place) } {
                let record := calldataload(place)
                let amount := shr(shift, shl(160, record))
                sum := add(amount, sum)
                // transfer(address,uint256): the selector is written anew each time, so that the word for the answer never holds an earlier answer
                mstore(0, 0xa9059cbb)
                mstore(0x2c, record) // its 20 bytes of address end at 0x40, where the amount covers the rest
                mstore(0x40, amount)
                let done := call(gas(), token, 0, 0x1c, 0x44, 0, 0x20)
                if iszero(and(done, eq(mload(0), 1))) {
                    if iszero(and(done, iszero(returndatasize()))) {
                        mstore(0, PAYMENT_FAILED)
                        mstore(0x20, div(sub(place, first), step))
                        revert(0x1c, 0x24)
                    }
                }
            }
            mstore(0x40, free)
        }
    }
}
