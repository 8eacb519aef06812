"""Every migration of the product, broken off before its writes and in the middle of those of many rows: whoever runs the deploy step again gets the
database, byte for byte, that one gets whom nobody disturbed."""

import asyncio
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import bson
import pytest

from crypto_api.migrations import MIGRATIONS
from crypto_api.runtime import Runtime
from mongodb_config.client import Database
from mongodb_config.migrations import COLLECTION
from tests.factories.killed_deploy import Killed, Write, broken_off, run_deploy
from tests.factories.older_rows import INDEXES, OlderRows, older_rows

ROOT = Path(__file__).parents[2]
ALL = os.environ.get("COFFER_ALL_KILLS") == "1"
"""At every write (docs/proof/migrations.md); else at one in each migration, and in the middle of each that is of many rows."""


async def bytes_of(database: Database, names: Collection[str]) -> Mapping[str, bytes]:
    """All that is stored there, and which indexes."""
    rows = {name: b"".join([bson.encode(row) async for row in database[name].find().sort("_id", 1)]) for name in sorted(names)}
    indexes = {f"indexes of {name}": repr(sorted(await database[name].index_information())).encode() for name, _, _ in INDEXES}
    return rows | indexes


@pytest.fixture
async def older(runtime: Runtime) -> OlderRows:
    return await older_rows(runtime)


def places(seen: list[Write]) -> list[tuple[int, str]]:
    """At which write to end, and how much of it is done by then."""
    by_migration: dict[int, list[int]] = {}
    for number, write in enumerate(seen, 1):
        by_migration.setdefault(write.position, []).append(number)
    whole = range(1, len(seen) + 1) if ALL else [numbers[len(numbers) // 2] for numbers in by_migration.values()]
    return [(number, "none") for number in whole] + [(number, "half") for number, write in enumerate(seen, 1) if write.many]


async def undisturbed(database: Database, older: OlderRows) -> tuple[list[Write], Mapping[str, bytes]]:
    await older.put(database)
    with broken_off(None, "none", lambda: None) as seen:
        report = await run_deploy(database.client, database.name)
    assert report.migrations == [f"{row.number} {row.name}" for row in MIGRATIONS]
    return seen, await bytes_of(database, older.touched)


def die() -> None:
    raise Killed


async def test_a_deploy_that_is_broken_off_anywhere_and_run_again_ends_as_if_nobody_had_disturbed_it(runtime: Runtime, older: OlderRows) -> None:
    database = runtime.database
    seen, expected = await undisturbed(database, older)
    assert len({write.what.partition(".")[0] for write in seen}) >= 9, "each migration has something to do"
    reached = set[int]()
    for nth, part in places(seen):
        await older.put(database)
        with broken_off(nth, part, die):
            with pytest.raises(Killed):
                await run_deploy(database.client, database.name)
            assert await bytes_of(database, older.touched) != expected
        row = await database[COLLECTION].find_one({})
        reached.add(row["position"] if row else 0)
        with broken_off(None, "none", lambda: None):
            await run_deploy(database.client, database.name)
        ended = await bytes_of(database, older.touched)
        assert [name for name in expected if ended[name] != expected[name]] == [], (nth, part, seen[nth - 1])
    assert reached == set(range(len(MIGRATIONS) + 1)), "it was broken off in each of them"


async def test_each_migration_once_more_changes_nothing_and_catches_up_with_what_old_processes_wrote(runtime: Runtime, older: OlderRows) -> None:
    database = runtime.database
    _, expected = await undisturbed(database, older)
    with broken_off(None, "none", lambda: None):
        report = await run_deploy(database.client, database.name, again=True)
    assert report.migrations == [f"{row.number} {row.name}, again" for row in MIGRATIONS]
    again = await bytes_of(database, older.touched)
    assert [name for name in expected if again[name] != expected[name]] == []

    # what a process of the release before goes on to write while the migrations run past it, or after them
    for name, rows in older.rows.items():
        await database[name].delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
        await database[name].insert_many(rows)
    await database["accounts"].delete_many({"code": "1950"})
    with broken_off(None, "none", lambda: None):
        await run_deploy(database.client, database.name, again=True)
    again = await bytes_of(database, older.touched)
    assert [name for name in expected if again[name] != expected[name]] == []


async def test_a_process_that_is_killed_leaves_nothing_that_holds_up_the_next(runtime: Runtime, older: OlderRows) -> None:
    """As the one above, by SIGKILL: its lease is still there, and its work is taken up at once, since it is surely dead."""
    database = runtime.database
    seen, expected = await undisturbed(database, older)
    middles = [number + 1 for number, write in enumerate(seen) if write.what.endswith("bulk_write")]
    for nth, part in ((len(seen) // 3, "none"), (middles[-1], "half")):
        await older.put(database)
        command = (sys.executable, "-m", "tests.factories.killed_deploy", runtime.config.mongodb_uri, database.name, str(nth), part)
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        assert await process.wait() == -9
        with broken_off(None, "none", lambda: None):
            await run_deploy(database.client, database.name)
        ended = await bytes_of(database, older.touched)
        assert [name for name in expected if ended[name] != expected[name]] == []
