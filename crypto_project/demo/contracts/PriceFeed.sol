// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @notice Chainlink's AggregatorV3Interface, answered from what the owner posts.
contract PriceFeed is Ownable {
    struct Round {
        int256 answer;
        uint256 updatedAt;
    }

    uint8 public immutable decimals;
    uint256 public constant version = 4;
    string public description;
    Round[] private _rounds;

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    constructor(string memory description_, uint8 decimals_, int256 answer) Ownable(msg.sender) {
        description = description_;
        decimals = decimals_;
        post(answer);
    }

    function post(int256 answer) public onlyOwner {
        _rounds.push(Round(answer, block.timestamp));
        emit AnswerUpdated(answer, _rounds.length, block.timestamp);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return getRoundData(uint80(_rounds.length));
    }

    /// @dev Rounds count from 1, as on a real aggregator.
    function getRoundData(uint80 roundId) public view returns (uint80, int256, uint256, uint256, uint80) {
        require(roundId > 0 && roundId <= _rounds.length, "No data present");
        Round storage round = _rounds[roundId - 1];
        return (roundId, round.answer, round.updatedAt, round.updatedAt, roundId);
    }
}
