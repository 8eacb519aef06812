// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {BeaconProxy} from "@openzeppelin/contracts/proxy/beacon/BeaconProxy.sol";
import {UpgradeableBeacon} from "@openzeppelin/contracts/proxy/beacon/UpgradeableBeacon.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {TransparentUpgradeableProxy} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// Everything that an answer can hold.
contract Oracle is UUPSUpgradeable {
    struct Point { int256 x; uint8 y; }
    struct Order { address maker; uint256 amount; bytes4 tag; Point[] points; string note; }

    uint256 public constant LARGEST = type(uint256).max;
    uint256 public stored;

    error TooSmall(uint256 given, uint256 wanted);

    function order() external view returns (Order memory found, bool ok) {
        Point[] memory points = new Point[](2);
        points[0] = Point(type(int256).min, 7);
        points[1] = Point(-1, 255);
        return (Order(address(this), LARGEST, 0xdeadbeef, points, unicode"caf\u00e9 \u202Eevil <b>"), true);
    }
    function echo(Order calldata given) external pure returns (Order memory) { return given; }
    function grid(uint8[2][] calldata rows) external pure returns (uint256 sum) {
        for (uint256 i = 0; i < rows.length; i++) sum += uint256(rows[i][0]) * 100 + rows[i][1];
    }
    function pick(uint256 value) external pure returns (uint256) { return value; }
    function pick(address value) external pure returns (address) { return value; }
    function refuse() external pure { revert("not on \u202ESundays"); }
    function refuseByError(uint256 given) external pure { revert TooSmall(given, 100); }
    function divide(uint256 by) external pure returns (uint256) { return 10 / by; }
    function burn() external pure { while (true) {} }
    function bomb() external pure returns (uint256[][][] memory) {
        assembly {
            // three levels of lists that all point at one another: a naive reader makes 600^3 values of it
            mstore(0, 32)
            mstore(32, 600)
            for { let i := 0 } lt(i, 600) { i := add(i, 1) } { mstore(add(64, mul(i, 32)), mul(600, 32)) }
            let second := add(64, mul(600, 32))
            mstore(second, 600)
            for { let i := 0 } lt(i, 600) { i := add(i, 1) } { mstore(add(add(second, 32), mul(i, 32)), mul(600, 32)) }
            let third := add(add(second, 32), mul(600, 32))
            mstore(third, 600)
            return(0, add(add(third, 32), mul(600, 32)))
        }
    }
    function begin() external {}
    function store(uint256 value) external { stored = value; }
    function pay() external payable { stored = msg.value; }
    function _authorizeUpgrade(address) internal override {}
}

contract OracleTwo is Oracle {
    function version() external pure returns (uint256) { return 2; }
}

contract Items { function supportsInterface(bytes4 id) external pure returns (bool) { return id == 0x01ffc9a7 || id == 0x80ac58cd; } }
contract Sets { function supportsInterface(bytes4 id) external pure returns (bool) { return id == 0x01ffc9a7 || id == 0xd9b67a26; } }

contract Liar { function supportsInterface(bytes4) external pure returns (bool) { return true; } }

/// Points at itself through the slot of EIP-1967.
contract Loop {
    constructor() { assembly { sstore(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc, address()) } }
}

contract Cloner {
    event Made(address clone);
    function plain(address target) external { emit Made(Clones.clone(target)); }
    function withArguments(address target) external { emit Made(Clones.cloneWithImmutableArgs(target, hex"c0ffee")); }
}
