"""The one client of a process. Nothing connects at import; an `AsyncMongoClient` belongs to the event loop that made it."""

from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from mongodb_config.cancellation import keep_cancellations
from mongodb_config.measuring import CommandTimes, watchers

MongoClient = AsyncMongoClient[dict[str, Any]]
Database = AsyncDatabase[dict[str, Any]]

# Acknowledged means on disk on a majority: with weaker settings acknowledged writes were lost on SIGKILL (docs/decisions).
DURABLE = {"w": "majority", "journal": True, "readConcernLevel": "majority"}


def connect(uri: str, *, server_selection_timeout_ms: int = 5_000) -> MongoClient:
    """A client whose every write is durable and whose datetimes are aware UTC. Opens no connection yet."""
    keep_cancellations()
    return AsyncMongoClient(
        uri,
        tz_aware=True,
        serverSelectionTimeoutMS=server_selection_timeout_ms,
        connectTimeoutMS=5_000,
        socketTimeoutMS=30_000,
        uuidRepresentation="standard",
        event_listeners=[CommandTimes(), *watchers],
        **DURABLE,  # type: ignore[arg-type]
    )
