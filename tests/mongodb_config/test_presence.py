"""What a killed process left locked is free again within seconds, not when the server's minute is over."""

import multiprocessing
import os
import signal
import time
from typing import Any

import pytest

from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from mongodb_config.presence import COLLECTION, DEAD_AFTER_S, Presence
from mongodb_config.unit_of_work import Session, UnitOfWork


def _dies_holding_a_lock(uri: str, database: str) -> None:
    import asyncio

    async def main() -> None:
        client = connect(uri)
        async with Presence(client[database]) as presence:

            async def work(session: Session) -> None:
                await client[database]["rows"].update_one({"_id": 1}, {"$inc": {"n": 100}}, session=session)
                os.kill(os.getpid(), signal.SIGKILL)

            await UnitOfWork(client, presence).run(work)

    asyncio.run(main())


@pytest.mark.slow
async def test_the_locks_of_a_killed_process_are_freed(addresses: Addresses, database_name: str) -> None:
    client = connect(addresses.mongodb_uri)
    database = client[database_name]
    await database["rows"].insert_one({"_id": 1, "n": 0})
    process = multiprocessing.get_context("forkserver").Process(target=_dies_holding_a_lock, args=(addresses.mongodb_uri, database_name))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    died_at = time.monotonic()

    async def work(session: Session) -> None:
        await database["rows"].update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)

    async with Presence(database) as presence:
        while await database[COLLECTION].count_documents({}) != 1 and time.monotonic() < died_at + 20:
            await _pause()
        await UnitOfWork(client, presence).run(work)
        row: dict[str, Any] | None = await database["rows"].find_one({"_id": 1})
    assert row == {"_id": 1, "n": 1}, "the dead process's increment must not be there, ours must"
    assert time.monotonic() - died_at < DEAD_AFTER_S + 10
    assert await database[COLLECTION].count_documents({}) == 0, "a process that ends by itself leaves no row"
    await client.close()


async def _pause() -> None:
    import asyncio

    await asyncio.sleep(0.1)
