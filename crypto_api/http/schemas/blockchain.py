from typing import Literal

from pydantic import ConfigDict, Field

from crypto_api.chains.documents import FollowState
from crypto_api.http.schemas.base import ReadSchema, Time
from crypto_api.kit.amounts import SignedMoney
from crypto_api.kit.networks import ProviderState


class ProviderRead(ReadSchema):
    host: str = Field(examples=["mainnet.infura.io"], description="Without path and credentials; with the port where it is an unusual one.")
    kind: Literal["http", "websocket"] = Field(examples=["http"])
    healthy: bool = Field(description="Whether it is asked in its turn: in use or on standby.")
    state: ProviderState = Field(
        description="in_use: asked first; standby: asked where those before it fail; set_aside: it answers, but lags, went backwards, "
        "contradicts itself or asks to wait; unreachable; unknown: nothing was heard of it for a while.",
        examples=["in_use"],
    )
    head: int | None = Field(description="The newest block that it told of.", examples=[21_000_000])
    lag_blocks: int | None = Field(description="How far it is behind the best provider of the network.", examples=[0])
    latency_ms: int | None = Field(description="Moving average.", examples=[84])
    error: str | None = Field(description="What went wrong last, while it matters.", examples=["it answered 429: too many requests"])
    error_rate: float = Field(ge=0, le=1, description="Moving average of what went wrong.", examples=[0.02])
    requests_last_minute: int = Field(description="Calls, also those inside batches.", examples=[62])
    requests_per_second: float | None = Field(description="The limit that the networks file sets; null: none.", examples=[10])
    batch: int | None = Field(description="Calls in one batch, as far as it takes them now: halved when it balks, grown again slowly.", examples=[20])
    batch_max: int | None = Field(description="The most that the networks file allows; null for a WebSocket.", examples=[20])
    seen_at: Time | None = Field(description="When the follower last told of it.")


class BlockRangeRead(ReadSchema):
    first: int = Field(examples=[20_999_000])
    last: int = Field(examples=[20_999_100], description="It belongs to the range.")


class CoverageRead(ReadSchema):
    """Which blocks were processed, without a hole but for `gaps`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)

    from_: int = Field(alias="from", examples=[20_990_001], description="The first block processed.")
    to: int = Field(examples=[21_000_000])
    gaps: list[BlockRangeRead] = Field(description="Taken over unseen after a stop; `reindex` reads them again.")


class NetworkRead(ReadSchema):
    slug: str = Field(examples=["ethereum"])
    name: str = Field(examples=["Ethereum"])
    chain_id: int = Field(examples=[1])
    native_asset: str = Field(examples=["ETH"])
    assets: list[str] = Field(description="Listed tokens besides the native coin.")
    confirmations: int
    head: int | None = Field(description="Highest block that the provider told of; null before following began.")
    processed: int | None = Field(description="Last block in the books.")
    safe: int | None = Field(description="Height that the network itself calls safe, where it does.")
    finalized: int | None = Field(description="Height up to which transactions are CONFIRMED: by depth, or as the network itself calls it.")
    finality: Literal["depth", "tag"] = Field(description="What decides it.")
    agreement: int = Field(
        description="How many providers must name a block, and tell the same of a large credit, before it is confirmed. 1: one provider's word is "
        "enough, and nothing is compared.",
        examples=[2],
    )
    credits_agreed_above: dict[str, SignedMoney] = Field(
        description="Whole units of each asset: larger credits are booked once so many providers agree; of what is not named, any. Empty where "
        "one is enough.",
        examples=[{"ETH": "8", "USDC": "25000"}],
    )
    receipts_checked: Literal["none", "ours", "all"] = Field(
        description="Which blocks are proved by the roots in their headers: none, those that touch a wallet, or all."
    )
    coverage: CoverageRead | None = Field(description="null before anything was processed.")
    lag_blocks: int | None
    state: FollowState
    reason: str | None
    processed_at: Time | None
    providers: list[ProviderRead]
