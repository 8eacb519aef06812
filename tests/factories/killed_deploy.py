"""The deploy step, broken off at its nth write: in this process by an exception, or as a program of its own by SIGKILL.

    python -m tests.factories.killed_deploy URI DATABASE NTH PART

A write is whatever changes the database, leases and signs of life apart: those of the migrations, and those by which the deploy step notes how far
it is. `PART` says how much of a write to many rows is done before the end comes: "none" or "half" of it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from crypto_api import migrations
from crypto_api.kit.clock import source
from mongodb_config import leases, presence
from mongodb_config.client import MongoClient, connect
from mongodb_config.migrations import COLLECTION, DeployReport, deploy

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
WRITES = ("update_one", "update_many", "delete_many", "bulk_write", "drop_index")


class Killed(BaseException):
    """Nothing in the product catches it, as nothing catches SIGKILL."""


@dataclass(frozen=True)
class Write:
    what: str  # collection and kind
    position: int  # how many migrations were through

    @property
    def many(self) -> bool:
        return self.what.endswith((".bulk_write", ".update_many", ".delete_many"))


async def run_deploy(client: MongoClient, name: str, *, again: bool = False) -> DeployReport:
    """All migrations and nothing else."""
    return await deploy(client, name, [], migrations=migrations.MIGRATIONS, release_before=0, again=again)


@contextmanager
def broken_off(nth: int | None, part: str, die: Callable[[], None]) -> Iterator[list[Write]]:
    """Inside, `die` is called before the nth write from 1, or when half of it is done; None: never. Yields what was written, as it is written."""
    originals, numbers, seen = {name: getattr(AsyncCollection, name) for name in WRITES}, count(1), list[Write]()
    positions = [0]
    time_of_the_process = source.unix_s

    def counted(name: str) -> Any:
        async def write(self: AsyncCollection[Any], *values: Any, **options: Any) -> Any:
            if self.name in (leases.COLLECTION, presence.COLLECTION):
                return await originals[name](self, *values, **options)
            if next(numbers) == nth:
                if part == "half":
                    await _half(originals, self, name, *values)
                die()
            seen.append(Write(f"{self.name}.{name}", positions[-1]))
            if self.name == COLLECTION:
                positions.append(values[1].get("$set", {}).get("position", positions[-1]))
            return await originals[name](self, *values, **options)

        return write

    try:
        for name in WRITES:
            setattr(AsyncCollection, name, counted(name))
        source.unix_s = NOW.timestamp  # what migrations write of the time is the same in every run, so that ends can be compared byte by byte
        yield seen
    finally:
        for name, original in originals.items():
            setattr(AsyncCollection, name, original)
        source.unix_s = time_of_the_process


async def _half(originals: dict[str, Any], rows: AsyncCollection[Any], name: str, *values: Any) -> None:
    match name:
        case "bulk_write" if len(values[0]) > 1:
            await originals[name](rows, values[0][: len(values[0]) // 2])
        case "update_many" | "delete_many":
            ids = [row["_id"] async for row in rows.find(values[0], {"_id": 1}).sort("_id", 1)]
            if len(ids) > 1:
                await originals[name](rows, {"_id": {"$in": ids[: len(ids) // 2]}}, *values[1:])


async def _main(uri: str, database: str, nth: int, part: str) -> None:
    with broken_off(nth, part, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        async with connect(uri) as client:
            await run_deploy(client, database)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
