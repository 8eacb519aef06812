"""Databases for tests: with every collection, validator and index, and without a row."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pymongo
from pymongo import DeleteMany, InsertOne
from pymongo.errors import AutoReconnect, InvalidOperation, PyMongoError

from crypto_api.documents import DOCUMENTS
from mongodb_config.client import Database, MongoClient, connect
from mongodb_config.migrations import COLLECTION, deploy
from tests.tenant_guard import guard

DROPS_MAX = 5
EMPTIED_WITHIN_S = 10


class Databases:
    """Each test has one to itself. Making one takes a hundred times longer than emptying it, so those of tests that ended are emptied and
    given out again, but for one whose indexes or validators are others now."""

    def __init__(self, uri: str) -> None:
        self.client = connect(uri)
        self._collections: frozenset[str] = frozenset()  # that the deploy step makes
        self._deployed: dict[str, Any] = {}  # what it notes of itself
        self._clean: list[str] = []
        self._made: list[str] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        name = self._clean.pop() if self._clean else await self._make()
        guard.altered.discard(name)
        yield name
        if name in guard.altered:
            return
        with (
            contextlib.suppress(PyMongoError),
            pymongo.timeout(EMPTIED_WITHIN_S),
        ):  # what a killed process has locked cannot be emptied: the next makes one
            await self._empty(self.client[name])
            self._clean.append(name)

    async def close(self) -> None:
        for name in self._made:
            await drop(self.client, name)
        await self.client.close()

    async def _make(self) -> str:
        name = f"test_{secrets.token_hex(8)}"
        self._made.append(name)
        await deploy(self.client, name, DOCUMENTS)
        database = self.client[name]
        self._collections = frozenset(await database.list_collection_names())
        self._deployed = await database[COLLECTION].find_one() or {}
        return name

    async def _empty(self, database: Database) -> None:
        for name in set(await database.list_collection_names()) - self._collections:
            await database.drop_collection(name)
        as_deployed = InsertOne(self._deployed, namespace=f"{database.name}.{COLLECTION}")  # migrations of that test are not those of the next
        try:
            await self.client.bulk_write([*(DeleteMany({}, namespace=f"{database.name}.{name}") for name in self._collections), as_deployed])
        except InvalidOperation:  # before MongoDB 8: a command for each
            for name in self._collections:
                await database[name].delete_many({})
            await database[COLLECTION].insert_one(self._deployed)


async def drop(client: MongoClient, name: str) -> None:
    """Dropping a database that a whole run has filled keeps the embedded server busy for so long that the driver's own watch over the server may
    close the connection meanwhile. What it was asked goes on, and may be asked again; a server that is gone is an error the last time."""
    for _ in range(DROPS_MAX - 1):
        with contextlib.suppress(AutoReconnect):
            await client.drop_database(name)
            return
    await client.drop_database(name)
