from datetime import datetime
from enum import StrEnum

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.chains.types import BlockRange
from crypto_api.kit.networks import ProviderState
from mongodb_config.base_document import SharedDocument


class FollowState(StrEnum):
    STARTING = "starting"
    FOLLOWING = "following"
    CATCHING_UP = "catching_up"
    UNREACHABLE = "unreachable"
    STOPPED = "stopped"  # a reorganisation deeper than is undone by itself: waits for a person


class ChainCursor(SharedDocument):
    """Shared: a chain is the same for every organisation. `_id` is the network's slug; (height, hash) is the last block processed."""

    chain_id: int
    height: int
    hash: str
    head: int  # highest block number the provider told of
    confirmed: int = 0  # height up to which transactions were confirmed
    safe: int | None = None  # height that the network itself calls safe, where it does
    told_final: int | None = None  # the highest that it ever called final: from then on depth does not decide any more
    first_height: int | None = None  # where following began; None: before this was noted
    gaps: list[BlockRange] = []  # blocks that were taken over unseen, until somebody reads them again
    state: FollowState = FollowState.STARTING
    reason: str | None = None
    processed_at: datetime
    held: int = 0  # counts units of work that rest on this position
    openings: int = 0  # counts wallets that were opened: whoever takes a block must know of all of them

    class Settings:
        name = "chain_cursors"


class ChainBlock(SharedDocument):
    """Shared: a header that was processed, kept for as deep as a reorganisation may reach. `_id` is `eip155:<chain id>:<block hash>`."""

    network: str
    number: int
    hash: str
    parent_hash: str
    timestamp: datetime
    orphaned: bool = False

    class Settings:
        name = "chain_blocks"
        indexes = [
            IndexModel([("network", ASCENDING), ("number", DESCENDING)], unique=True, partialFilterExpression={"orphaned": False}, name="canonical"),
        ]


class ChainProvider(SharedDocument):
    """Shared: how a provider does, as the follower of its network sees it. `_id` is `<network>:<place in the order of preference>`."""

    network: str
    place: int
    host: str  # never the path: it may hold an access key
    kind: str
    state: ProviderState
    head: int | None = None
    lag_blocks: int | None = None
    latency_ms: int | None = None
    error_rate: float = 0.0
    error: str | None = None
    requests_last_minute: int = 0
    batch: int | None = None
    seen_at: datetime

    class Settings:
        name = "chain_providers"


class TokenContract(SharedDocument):
    """Shared: facts of a contract, read once and pinned. Name and symbol are untrusted text. `_id` is `eip155:<chain id>/erc20:<address>`."""

    network: str
    address: str  # EIP-55
    symbol: str
    name: str
    decimals: int | None  # None: not told, or outside 0..36; such a token is quarantined, never taken for 18
    by_balance: bool = False  # pinned the first time a balance contradicted its logs

    class Settings:
        name = "token_contracts"
        indexes = [IndexModel([("network", ASCENDING), ("address", ASCENDING)], unique=True, name="address")]
