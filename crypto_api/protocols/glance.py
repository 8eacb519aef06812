"""A transaction as the plug-ins see it: its call, its logs by their topic, its transfers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from crypto_api.kit.ethereum import TRANSFER_TOPIC, WireLog, address_of_topic

Coin = str | None
"""Contract of a token, lower case; None is the native coin."""


class Transfer(NamedTuple):
    """Of an ERC-20 token, as its log tells it. Addresses in lower case."""

    at: int  # index of its log
    contract: str
    sender: str
    recipient: str
    raw: int


@dataclass(frozen=True)
class Glance:
    """`net` is what the organisation's wallets together have more (or, below zero, less) of each coin by it, fees left out, in base units."""

    chain_id: int
    sender: str
    recipient: str | None
    value: int
    input: str
    logs: Sequence[WireLog]
    wrapped: str | None = None  # contract of the wrapped coin
    own: frozenset[str] = frozenset()
    net: Mapping[Coin, int] = field(default_factory=dict)

    @cached_property
    def about(self) -> frozenset[str]:
        """Those whose doing is told: what somebody else's contract does on its way is part of something else, and not what we did."""
        return self.own | {self.sender}

    @cached_property
    def by_topic(self) -> Mapping[str, list[WireLog]]:
        found: dict[str, list[WireLog]] = {}
        for row in self.logs:
            if row.topics:
                found.setdefault(row.topics[0], []).append(row)
        return found

    @cached_property
    def transfers(self) -> list[Transfer]:
        return [
            Transfer(row.log_index, row.address, address_of_topic(row.topics[1]), address_of_topic(row.topics[2]), int(row.data, 16))
            for row in self.by_topic.get(TRANSFER_TOPIC, ())
            if len(row.topics) == 3 and len(row.data) == 66
        ]

    @cached_property
    def by_party(self) -> Mapping[str, list[Transfer]]:
        """Transfers by whoever gives or takes, in their order."""
        found: dict[str, list[Transfer]] = {}
        for row in self.transfers:
            for party in {row.sender, row.recipient}:
                found.setdefault(party, []).append(row)
        return found

    def coin(self, contract: Coin) -> Coin:
        """The wrapped coin counts as the coin: routers change its form on the way."""
        return None if contract == self.wrapped else contract
