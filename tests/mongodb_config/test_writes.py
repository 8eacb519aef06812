"""Writes to several collections: in one command where they are few, with the errors that each would have by itself."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure, WriteError
from pymongo.monitoring import CommandStartedEvent

from crypto_api.runtime import Runtime
from mongodb_config.measuring import CommandTimes
from mongodb_config.unit_of_work import Session
from mongodb_config.writes import IN_ONE_MAX, Insert, Upsert, Writes, write_all

NOW = datetime(2026, 11, 21, tzinfo=UTC)
OTHERS = 8


async def opened(runtime: Runtime) -> tuple[Any, Any]:
    rows = await runtime.database.create_collection("rows", validator={"n": {"$gte": 0}})
    await rows.create_index("key", unique=True)
    return rows, await runtime.database.create_collection("sums")


def wanted(rows: Any, sums: Any, numbers: Sequence[int], *, key: str = "") -> list[Writes]:
    inserts = [Insert({"_id": f"{key or 'r'}{number}", "key": key or number, "n": number}) for number in numbers]
    return [Writes(rows, inserts), Writes(sums, [Upsert({"_id": "sum"}, {"$inc": {"n": number}, "$setOnInsert": {"at": NOW}}) for number in numbers])]


async def written(runtime: Runtime, parts: Sequence[Writes]) -> None:
    async def work(session: Session) -> None:
        await runtime.database["sums"].find_one({"_id": "sum"}, session=session)
        await write_all(session, parts)

    await runtime.uow.run(work)


async def kept(rows: Any, sums: Any) -> tuple[list[int], int]:
    found = await sums.find_one({"_id": "sum"})
    return [row["n"] async for row in rows.find().sort("n")], found["n"] if found else 0


@pytest.mark.parametrize(("count", "sent"), [(2, ["bulkWrite"]), (IN_ONE_MAX, ["insert", "update"]), (1200, ["insert"] * 3 + ["update"] * 3)])
async def test_what_was_written_is_the_same_in_one_command_and_in_several(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, count: int, sent: list[str]
) -> None:
    rows, sums = await opened(runtime)
    commands: list[str] = []
    monkeypatch.setattr(CommandTimes, "started", lambda _, event: commands.append(named(event)))
    await written(runtime, wanted(rows, sums, range(count)))
    assert [name for name in commands if name in ("insert", "update", "bulkWrite")] == sent
    assert await kept(rows, sums) == (list(range(count)), sum(range(count)))


def named(event: CommandStartedEvent) -> str:
    return "" if event.command.get(event.command_name) == "process_presence" else event.command_name


@pytest.mark.parametrize("count", [2, IN_ONE_MAX])
async def test_a_second_row_of_a_key_is_a_duplicate_and_nothing_is_kept(runtime: Runtime, count: int) -> None:
    rows, sums = await opened(runtime)
    with pytest.raises(DuplicateKeyError):
        await written(runtime, wanted(rows, sums, range(count), key="same"))
    assert await kept(rows, sums) == ([], 0)


@pytest.mark.parametrize("count", [2, IN_ONE_MAX])
async def test_a_row_that_its_validator_refuses_is_an_error_of_that_row_and_nothing_is_kept(runtime: Runtime, count: int) -> None:
    rows, sums = await opened(runtime)
    with pytest.raises(WriteError) as refused:
        await written(runtime, wanted(rows, sums, range(-1, count - 1)))
    assert refused.value.code == 121
    assert await kept(rows, sums) == ([], 0)


async def test_units_that_meet_in_one_command_run_again_until_each_has_counted(runtime: Runtime) -> None:
    rows, sums = await opened(runtime)
    await asyncio.gather(*(written(runtime, wanted(rows, sums, [number])) for number in range(OTHERS)))
    assert await kept(rows, sums) == (list(range(OTHERS)), sum(range(OTHERS)))


async def test_whoever_comes_second_meets_a_conflict_that_says_so(runtime: Runtime) -> None:
    rows, sums = await opened(runtime)
    client = runtime.database.client
    async with client.start_session() as first, client.start_session() as second:
        for session in (first, second):
            await session.start_transaction()
            await rows.find_one({"_id": "none"}, session=session)
        await write_all(first, wanted(rows, sums, [1]))
        with pytest.raises(OperationFailure) as met:
            await write_all(second, wanted(rows, sums, [2]))
        assert met.value.has_error_label("TransientTransactionError")
        await first.commit_transaction()
    assert await kept(rows, sums) == ([1], 1)


async def test_nothing_is_no_command(runtime: Runtime) -> None:
    rows, sums = await opened(runtime)
    await written(runtime, [Writes(rows, []), Writes(sums, [])])
    assert await kept(rows, sums) == ([], 0)
