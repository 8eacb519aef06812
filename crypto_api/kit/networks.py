"""What an installation says about a network: data from the networks file, without I/O."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from crypto_api.kit.ethereum import parse_address

CheckedAddress = Annotated[str, BeforeValidator(parse_address)]


class ListedToken(BaseModel):
    """A token that this installation trusts on a network. Everything else is shown apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbol: str
    address: CheckedAddress
    decimals: int = Field(ge=0, le=36)
    name: str = ""


class PriceFeed(BaseModel):
    """A Chainlink-style aggregator: the price of `asset` in `quote`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asset: str
    quote: str = "USD"
    address: CheckedAddress
    age_max_s: int = 86_400  # an older answer is not used


class NetworkConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str
    name: str
    chain_id: int
    native_asset: str = "ETH"
    rpc_urls: list[str] = Field(min_length=1)
    ws_url: str | None = None
    confirmations: int = 12
    start_height: int | None = None  # where following begins on an empty database; None: at the head
    wrapped_native: ListedToken | None = None
    tokens: list[ListedToken] = []
    price_feeds: list[PriceFeed] = []
    explorer_url: str | None = None
    poll_s: float = 1.0
    reorg_depth_max: int = 64  # a deeper reorganisation stops the follower and waits for a person

    @model_validator(mode="after")
    def _symbols_are_unique(self) -> "NetworkConfig":
        symbols = [self.native_asset, *(token.symbol for token in self.listed())]
        if len(symbols) != len(set(symbols)):
            raise ValueError(f"network {self.slug}: a symbol is listed twice")
        return self

    def listed(self) -> list[ListedToken]:
        return [*self.tokens, *([self.wrapped_native] if self.wrapped_native else [])]
