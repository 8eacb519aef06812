"""Price feeds on chain: contracts that answer as Chainlink's AggregatorV3Interface does."""

from collections.abc import Mapping
from typing import Protocol

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from crypto_api.kit.rates import FeedRound

_LATEST_ROUND_DATA, _DECIMALS = "0xfeaf968c", "0x313ce567"  # latestRoundData(), decimals()
_ROUND = ["uint80", "int256", "uint256", "uint256", "uint80"]  # roundId, answer, startedAt, updatedAt, answeredInRound


class ContractCaller(Protocol):
    async def call(self, to: str, data: str, block_hash: str | None = None) -> bytes: ...


class ChainFeedReader:
    """Reads feeds through the networks' nodes. The decimals of a feed never change and are asked once."""

    def __init__(self, chains: Mapping[str, ContractCaller]) -> None:
        self._chains = chains
        self._decimals: dict[tuple[str, str], int] = {}

    async def read_feed(self, network: str, feed_address: str, block_hash: str) -> FeedRound | None:
        """None when there is no such contract at that block, or it answers anything but a round. ChainUnavailable."""
        chain = self._chains[network]
        decimals = self._decimals.get((network, feed_address))
        if decimals is None:
            answered = await chain.call(feed_address, _DECIMALS, block_hash)
            if len(answered) != 32:
                return None
            decimals = self._decimals[network, feed_address] = int.from_bytes(answered)
        try:
            round_id, answer, _, updated_at, answered_in = decode(_ROUND, await chain.call(feed_address, _LATEST_ROUND_DATA, block_hash))
        except (DecodingError, OverflowError):
            return None
        return FeedRound(answer, decimals, updated_at, round_id, answered_in)
