from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel

from mongodb_config.base_document import TenantDocument


class Event(TenantDocument):
    """A fact in the log of an organisation. `seq` is given by the relay in commit order; until then it is None and `pending` is true."""

    kind: str
    permission: str
    data: dict[str, Any]
    pending: bool = True
    seq: int | None = None
    numbered_at: datetime | None = None

    class Settings:
        name = "events"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("seq", ASCENDING)], unique=True, partialFilterExpression={"pending": False}, name="org_seq"),
            IndexModel([("pending", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"pending": True}, name="pending"),
        ]


class EventHead(TenantDocument):
    """The last number given in an organisation; `_id` is the organisation's id."""

    seq: int

    class Settings:
        name = "event_heads"
