"""What an installation says about a network: data from the networks file, without I/O."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from crypto_api.kit.ethereum import parse_address
from crypto_api.kit.network_presets import PRESETS

CheckedAddress = Annotated[str, BeforeValidator(parse_address)]


def _of_scheme(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and name a host")
        return url

    return AfterValidator(check)


Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
HttpUrl = Annotated[str, _of_scheme("http", "https")]
WebSocketUrl = Annotated[str, _of_scheme("ws", "wss")]


class ListedToken(BaseModel):
    """A token that this installation trusts on a network. Everything else is shown apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbol: str
    address: CheckedAddress
    decimals: int = Field(ge=0, le=36)
    name: str = ""
    believe: Literal["event", "balance"] = "event"  # balance: it takes a fee of transfers, or changes balances without an event


class PriceFeed(BaseModel):
    """A Chainlink-style aggregator: the price of `asset` in `quote`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asset: str
    quote: str = "USD"
    address: CheckedAddress
    age_max_s: int = 86_400  # an older answer is not used


class Endpoint(BaseModel):
    """One provider of a network, with the limits that its contract sets. Those of the same priority are preferred as they are listed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: HttpUrl
    ws_url: WebSocketUrl | None = None
    priority: int = 0  # the lowest is preferred
    requests_per_second: float | None = Field(default=None, gt=0)  # calls, also those inside a batch; None: as many as it takes
    batch_max: int = Field(default=20, ge=1, le=1000)  # calls in one batch; 1: it takes no batches
    timeout_s: float = Field(default=10.0, gt=0, le=120)

    @property
    def host(self) -> str:
        """Paths and user parts of provider addresses hold access keys: the only part that is ever shown or logged."""
        return host_of(self.url)


class NetworkConfig(BaseModel):
    """One row of the networks file. `preset` fills in what is known of a public network (`kit/network_presets.py`); what the row says goes first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str | None = None
    slug: str
    name: str
    chain_id: int
    native_asset: str = "ETH"
    rpc_urls: list[HttpUrl] = []  # the short form: endpoints without limits of their own, preferred to `providers`
    ws_url: WebSocketUrl | None = None
    providers: list[Endpoint] = []
    agreement: int = Field(
        default=1, ge=1, le=5
    )  # how many providers must name the same block before anything in it is confirmed: 2 where 2 are named
    credits_agreed_above: dict[str, Amount] = {}  # whole units by symbol: larger credits wait for as many. Any credit of what is not named does
    receipts_checked: Literal["none", "ours", "all"] = "ours"  # whose blocks' receipts are computed up to the root in the block's header
    lag_blocks_max: int = Field(default=5, ge=1)  # a provider further behind the best one, or further back than it was, is set aside
    confirmations: int = 12
    finality: Literal["depth", "tag"] = "depth"  # tag: as the network itself says what is final; by depth while a node does not tell it
    start_height: int | None = None  # where following begins on an empty database; None: at the head
    wrapped_native: ListedToken | None = None
    tokens: list[ListedToken] = []
    price_feeds: list[PriceFeed] = []
    explorer_url: str | None = None
    l1_fee_oracle: CheckedAddress | None = None  # contract that tells what putting a transaction on the chain below costs beside the gas (OP-stack)
    poll_s: float = 1.0
    traces: Literal["none", "touched", "blocks"] = "touched"  # what is traced, where providers offer it: what touches a wallet, or all of a block
    reorg_depth_max: int = 64  # a deeper reorganisation stops the follower and waits for a person

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, row: Any) -> Any:
        if not isinstance(row, dict) or row.get("preset") is None:
            return row
        if (preset := PRESETS.get(row["preset"])) is None:
            raise ValueError(f"preset {row['preset']!r} is not known; known are {', '.join(PRESETS)}")
        return {**preset, **row}

    @model_validator(mode="after")
    def _two_agree(self) -> Self:
        """One provider that lies makes up blocks that agree with themselves: where there is another, it is asked."""
        if "agreement" not in self.model_fields_set:
            object.__setattr__(self, "agreement", min(2, len(self.hosts())) or 1)
        return self

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        symbols = [self.native_asset, *(token.symbol for token in self.listed())]
        if len(symbols) != len(set(symbols)):
            raise ValueError(f"network {self.slug}: a symbol is listed twice")
        if not self.endpoints():
            raise ValueError(f"network {self.slug}: it needs at least one provider, under `rpc_urls` or `providers`")
        if self.agreement > len(self.hosts()):
            raise ValueError(f"network {self.slug}: {self.agreement} providers cannot agree where {len(self.hosts())} are named")
        return self

    def hosts(self) -> set[str]:
        """Two addresses at one host are one provider, who agrees with himself."""
        return {endpoint.host for endpoint in self.endpoints()}

    def credit_limit(self, asset: str) -> Decimal | None:
        """Whole units; a larger credit waits until `agreement` providers tell the same of it. None: nobody else is asked."""
        return self.credits_agreed_above.get(asset, Decimal(0)) if self.agreement > 1 else None

    def listed(self) -> list[ListedToken]:
        return [*self.tokens, *([self.wrapped_native] if self.wrapped_native else [])]

    def endpoints(self) -> list[Endpoint]:
        """In order of preference."""
        return sorted([*(Endpoint(url=url) for url in self.rpc_urls), *self.providers], key=lambda endpoint: endpoint.priority)

    def ws_urls(self) -> list[str]:
        """Where new heads can be listened to, in order of preference."""
        return [*([self.ws_url] if self.ws_url else []), *(endpoint.ws_url for endpoint in self.endpoints() if endpoint.ws_url)]


class ProviderState(StrEnum):
    IN_USE = "in_use"  # asked first
    STANDBY = "standby"  # fit, and asked where those before it fail
    SET_ASIDE = "set_aside"  # it answers, but is behind, went backwards, contradicts itself, or asks to wait: the others go first
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"  # not asked yet


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How one provider does, as the process that asks it sees it. Nothing in it tells an access key."""

    host: str
    kind: Literal["http", "websocket"]
    state: ProviderState
    head: int | None = None
    lag_blocks: int | None = None  # behind the best provider of the network
    latency_ms: int | None = None  # moving average
    error_rate: float = 0.0  # 0..1, moving average
    error: str | None = None  # in words; the last thing that went wrong, while it matters
    requests_last_minute: int = 0  # calls, also those inside batches
    batch: int | None = None  # calls in one batch, as far as it takes them now


def host_of(url: str) -> str:
    """The name, and the port where it is not the scheme's own."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
