"""A database for tests: with every collection, validator and index when it begins, gone when it ends."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymongo.errors import AutoReconnect

from crypto_api.documents import DOCUMENTS
from mongodb_config.client import Database, MongoClient, connect
from mongodb_config.migrations import deploy

DROPS_MAX = 5


@asynccontextmanager
async def temporary_database(uri: str, prefix: str = "test") -> AsyncIterator[Database]:
    """Making one takes longer than most tests: a folder that can empty it after each shares one for the session."""
    client = connect(uri)
    name = f"{prefix}_{secrets.token_hex(8)}"
    async with client:
        await deploy(client, name, DOCUMENTS)
        try:
            yield client[name]
        finally:
            await drop(client, name)


async def drop(client: MongoClient, name: str) -> None:
    """Dropping a database that a whole run has filled keeps the embedded server busy for so long that the driver's own watch over the server may
    close the connection meanwhile. What it was asked goes on, and may be asked again; a server that is gone is an error the last time."""
    for _ in range(DROPS_MAX - 1):
        with contextlib.suppress(AutoReconnect):
            await client.drop_database(name)
            return
    await client.drop_database(name)
