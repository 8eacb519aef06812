"""An API that somebody is logged in to, and the database behind it, read raw."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from benchmarks.load.wire import Pool, request


class Target:
    def __init__(self, port: int, org_id: str, database: AsyncDatabase[dict[str, Any]], access: str = "") -> None:
        self.port, self.org_id, self.database, self.access = port, org_id, database, access

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> bytes:
        return request("GET", path, self.host, authorization=f"Bearer {self.access}", **headers)

    def post(self, path: str, body: object, **headers: str) -> bytes:
        return request("POST", path, self.host, body, authorization=f"Bearer {self.access}", **headers)

    @asynccontextmanager
    async def pool(self, connections: int) -> AsyncIterator[Pool]:
        async with Pool(self.port) as pool:
            await pool.open(connections)
            yield pool

    async def wallets(self) -> list[dict[str, Any]]:
        return [row async for row in self.database["wallets"].find({"org_id": self.org_id, "active": True})]
