"""Values and ports of the slice."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from crypto_api.kit.networks import NetworkConfig


class PriceSource(StrEnum):
    MANUAL = "manual"
    ORACLE = "oracle"
    IDENTITY = "identity"  # a currency in itself: 1
    DERIVED = "derived"  # from two of the above: inverted, or through a third asset


@dataclass(frozen=True, slots=True)
class Moment:
    """When a price is wanted: a block. Feeds are read in the state after it."""

    network: NetworkConfig
    block_number: int
    block_hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Quote:
    """`rate` units of the quote currency for one unit of the asset, as it stood at `at`."""

    rate: Decimal
    source: PriceSource
    at: datetime


class FeedReader(Protocol):
    async def read_feed(self, network: str, feed_address: str, block_hash: str) -> tuple[int, int, int] | None:
        """(answer, decimals, updated at in seconds since 1970) as they stand at that block. None when the contract does not answer as a feed
        does. Raises ChainUnavailable when no node answers: that says nothing about the price."""
        ...
