"""What a killed process left locked is free again within seconds, not when the server's minute is over."""

import asyncio
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from mongodb_config.presence import COLLECTION, DEAD_AFTER_S, LATE_S, Presence
from mongodb_config.unit_of_work import Session, UnitOfWork

DIES_HOLDING_A_LOCK = """
import asyncio, os, signal, sys
from mongodb_config.client import connect
from mongodb_config.presence import Presence
from mongodb_config.unit_of_work import UnitOfWork

async def main():
    client = connect(sys.argv[1])
    database = client[sys.argv[2]]
    async with Presence(database) as presence:
        async def work(session):
            await database["rows"].update_one({"_id": 1}, {"$inc": {"n": 100}}, session=session)
            os.kill(os.getpid(), signal.SIGKILL)
        await UnitOfWork(client, presence).run(work)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_the_locks_of_a_killed_process_are_freed(addresses: Addresses, database_name: str) -> None:
    client = connect(addresses.mongodb_uri)
    database = client[database_name]
    await database["rows"].insert_one({"_id": 1, "n": 0})
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES_HOLDING_A_LOCK, addresses.mongodb_uri, database_name)
    assert await process.wait() == -signal.SIGKILL
    died_at = time.monotonic()

    async def work(session: Session) -> None:
        await database["rows"].update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)

    dead = await database[COLLECTION].find_one({})
    assert dead is not None
    async with Presence(database) as presence:
        while await database[COLLECTION].find_one({"_id": dead["_id"]}) and time.monotonic() < died_at + 50:
            await asyncio.sleep(0.1)
        await UnitOfWork(client, presence).run(work)
        row: dict[str, Any] | None = await database["rows"].find_one({"_id": 1})
    assert row == {"_id": 1, "n": 1}, "the dead process's increment must not be there, ours must"
    assert time.monotonic() - died_at < DEAD_AFTER_S + 50
    assert await database[COLLECTION].count_documents({}) == 0, "a process that ends by itself leaves no row"
    await client.close()


async def test_who_was_taken_for_dead_says_again_which_sessions_are_its_own(addresses: Addresses, database_name: str) -> None:
    """Else nobody could free what it holds when it really dies: until the server's minute is over."""
    client = connect(addresses.mongodb_uri)
    rows = client[database_name][COLLECTION]

    async def row() -> dict[str, Any]:
        async with asyncio.timeout(60):
            while not (found := await rows.find_one({}) or {}).get("sessions"):
                await asyncio.sleep(0.05)
        return found

    async with Presence(client[database_name]) as presence, client.start_session() as session:
        await presence.note(session)
        before = await row()
        assert len(before["sessions"]) == 1
        await rows.delete_one({"_id": before["_id"]})  # as another process does that has not heard its heart for some seconds
        assert (await row())["sessions"] == before["sessions"]
    await client.close()


async def test_whose_own_heartbeat_was_late_ends_nobody_elses_transactions(addresses: Addresses, database_name: str) -> None:
    """One pause of the database makes every heartbeat late: then everybody ended everybody's, again and again."""
    client = connect(addresses.mongodb_uri)
    database = client[database_name]
    waiting = {"_id": "elsewhere|||", "beat_at": datetime.now(UTC) - timedelta(seconds=3 * DEAD_AFTER_S), "sessions": []}
    await database[COLLECTION].insert_one(waiting)
    late, steady = Presence(database), Presence(database)
    late.beaten(time.monotonic() - 2 * LATE_S)
    late.beaten(time.monotonic())
    assert await late.bury_the_dead() == 0
    assert await database[COLLECTION].count_documents({}) == 1
    for ago in range(8, -1, -1):
        steady.beaten(time.monotonic() - ago)
    assert await steady.bury_the_dead() == 1
    assert await database[COLLECTION].count_documents({}) == 0
    await client.close()
