from pydantic import Field

from crypto_api.chains.documents import FollowState
from crypto_api.http.schemas.base import ReadSchema, Time


class ProviderRead(ReadSchema):
    host: str = Field(examples=["127.0.0.1"], description="Without path and credentials.")
    kind: str = Field(examples=["http"])


class NetworkRead(ReadSchema):
    slug: str = Field(examples=["ethereum"])
    name: str = Field(examples=["Ethereum"])
    chain_id: int = Field(examples=[1])
    native_asset: str = Field(examples=["ETH"])
    assets: list[str] = Field(description="Listed tokens besides the native coin.")
    confirmations: int
    head: int | None = Field(description="Highest block that the provider told of; null before following began.")
    processed: int | None = Field(description="Last block in the books.")
    lag_blocks: int | None
    state: FollowState
    reason: str | None
    processed_at: Time | None
    providers: list[ProviderRead]
