"""Values and ports of the slice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.price_settings import PriceProvider, PriceSettings
from crypto_api.kit.rates import Answer, FeedRound


class PriceSource(StrEnum):
    MANUAL = "manual"
    ORACLE = "oracle"
    PROVIDER = "provider"  # over HTTP
    HISTORY = "history"  # what a feed or provider said earlier, where none has a fresh answer
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
    """`rate` units of the quote currency for one unit of the asset, as it stood at `at`. `origin` says in words who said so."""

    rate: Decimal
    source: PriceSource
    at: datetime
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A source that was asked in vain, and what came of it."""

    source: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Lookup:
    quote: Quote | None
    tried: tuple[Tried, ...] = ()


class PriceSources(Protocol):
    """The one port to what prices come from outside."""

    @property
    def settings(self) -> PriceSettings: ...

    async def read_feed(self, network: str, feed_address: str, block_hash: str) -> FeedRound | None:
        """As it stands at that block. None when the contract does not answer as a feed does. Raises ChainUnavailable when no node answers: that
        says nothing about the price."""
        ...

    async def ask(self, provider: PriceProvider, base: str, quote: str, at: datetime, now: datetime) -> Answer:
        """Around and up to `at`. Never raises: a provider that is away, slow, limiting or lying is a problem in words."""
        ...


@dataclass(frozen=True)
class Pricing:
    """How this installation orders its sources: enough to find what is kept without asking anybody."""

    networks: tuple[NetworkConfig, ...] = ()
    settings: PriceSettings = field(default_factory=PriceSettings)

    @classmethod
    def of(cls, networks: Iterable[NetworkConfig], settings: PriceSettings | None = None) -> "Pricing":
        return cls(tuple(networks), settings or PriceSettings())

    def aliases(self, asset: str) -> tuple[str, ...]:
        """The names it is priced under: its own, and that of the coin which it wraps on some network."""
        coins = [network.native_asset for network in self.networks if network.wrapped_native is not None and network.wrapped_native.symbol == asset]
        return tuple(dict.fromkeys((asset, *coins)))


@dataclass(frozen=True)
class Sought:
    """When and where a price is wanted. A network whose block is known is read at that block, another by what was kept of it."""

    org_id: str
    at: datetime
    pricing: Pricing
    blocks: Mapping[str, Moment] = field(default_factory=dict)  # by network slug
    booking: bool = False  # then a node that is away is waited for, and what its feed says at the block is kept under that block
    age_max_s: int | None = None  # what is kept may be this old, in place of what its source says; for a value at the end of a day
