from typing import Literal

from pydantic import ConfigDict, Field

from crypto_api.chains.documents import FollowState
from crypto_api.http.schemas.base import ReadSchema, Time
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
    requests_last_minute: int = Field(description="Calls, also those inside batches.", examples=[62])
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
    coverage: CoverageRead | None = Field(description="null before anything was processed.")
    lag_blocks: int | None
    state: FollowState
    reason: str | None
    processed_at: Time | None
    providers: list[ProviderRead]
