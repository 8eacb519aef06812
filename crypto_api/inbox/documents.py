from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.inbox.types import Attempt, ItemKind, ItemState
from mongodb_config.base_document import TenantDocument


class InboxItem(TenantDocument):
    """Something that waits for somebody, from when it became true until it no longer is. While `live`, its `key` is taken: what is true once
    stands here once. A waived item stays live for as long as it holds."""

    kind: ItemKind
    key: str
    subject_kind: str
    subject_id: str
    state: ItemState = ItemState.OPEN
    live: bool = True
    title: str
    cause: str
    fingerprint: str
    facts: dict[str, str] = {}
    attempts: list[Attempt] = []
    closed_at: datetime | None = None
    closed_by: str | None = None  # None: by itself
    closed_reason: str = ""
    updated_at: datetime
    version: int = 1

    class Settings:
        name = "inbox_items"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("key", ASCENDING)], unique=True, partialFilterExpression={"live": True}, name="org_key"),
            IndexModel([("org_id", ASCENDING), ("state", ASCENDING), ("_id", DESCENDING)], name="org_state"),
            IndexModel([("org_id", ASCENDING), ("_id", DESCENDING)], name="org_latest"),
            IndexModel(
                [("kind", ASCENDING)], partialFilterExpression={"live": True}, name="live_kind"
            ),  # how many stand open, over all organisations
        ]
