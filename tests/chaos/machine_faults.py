"""What befalls the machine under the processes: its clock is wrong, it has no memory left, it dies while an index is built."""

import asyncio
import contextlib
import os
import resource
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from pymongo import IndexModel
from pymongo.errors import PyMongoError

from crypto_api.migrations import prepare_database
from tests.chaos import clocks
from tests.chaos.fault import Fault, Stage
from tests.chaos.installation import ASIDE, DATABASE, PROCESSES, ROWS

CLOCK, MEMORY, INDEX = "clock", "memory", "index"
KINDS = (CLOCK, MEMORY, INDEX)
CLOCK_S = (clocks.SEEN_AFTER_S + 0.5, clocks.SEEN_AFTER_S + 2.0)
MEMORY_S = (0.5, 2.0)
HOUR_S, DAY_S = 3600.0, 86_400.0
LEAP_DAY, SUMMER_TIME = (2, 28), (3, 31)

# ---- clocks ----------------------------------------------------------------------------------------------------------------------


def _next_moment(month: int, day: int, *, leap: bool = False) -> datetime:
    """Two seconds before that day is over, UTC, the next time that there is one."""
    now = datetime.now(UTC)
    for year in range(now.year, now.year + 9):
        ends = datetime(year, month, day, 23, 59, 58, tzinfo=UTC)
        if ends > now and (not leap or year % 4 == 0):
            return ends
    raise AssertionError("one year in four has that day")


def _last_sunday_of_march() -> datetime:
    """Two seconds before summer time begins in the European Union (Directive 2000/84/EC: the last Sunday of March, at one in the morning UTC)."""
    now = datetime.now(UTC)
    for year in (now.year, now.year + 1):
        last = datetime(year, *SUMMER_TIME, 0, 59, 58, tzinfo=UTC)
        begins = last - timedelta(days=(last.weekday() + 1) % 7)
        if begins > now:
            return begins
    raise AssertionError("each year has that day")


SHIFTS: dict[str, Callable[[Random], float]] = {
    "a second or a few ahead": lambda random: random.choice((1.0, 3.0, 9.0)),
    "a second or a few behind": lambda random: -random.choice((1.0, 3.0, 9.0)),
    "an hour ahead, as if it were summer": lambda _: HOUR_S,
    "an hour behind, as if it were winter": lambda _: -HOUR_S,
    "up to thirty days ahead": lambda random: random.choice((1, 7, 30)) * DAY_S,
    "up to thirty days behind": lambda random: -random.choice((1, 7, 30)) * DAY_S,
    "just before a leap day": lambda _: clocks.until(_next_moment(*LEAP_DAY, leap=True)),
    "just before summer time": lambda _: clocks.until(_last_sunday_of_march()),
}


def _some(random: Random) -> list[str]:
    """One process, some of them or all."""
    return random.sample(PROCESSES, random.choice((1, 2, 3, len(PROCESSES))))


def _clock(told: str, by_s: Callable[[Random], float]) -> Fault:
    async def begin(stage: Stage) -> bool:
        shift_s = by_s(stage.random)
        for name in _some(stage.random):
            clocks.put_wrong(stage.house.clock(name), shift_s)
        return True

    return Fault(f"clocks {told}", 9, begin, _clocks_right, CLOCK_S, CLOCK)


async def _clocks_right(stage: Stage) -> bool:
    stage.house.put_clocks_right()
    return True


async def _clocks_differ(stage: Stage) -> bool:
    for name in PROCESSES:
        clocks.put_wrong(stage.house.clock(name), stage.random.uniform(-30, 30) * stage.random.choice((1.0, 60.0, HOUR_S, DAY_S)))
    return True


async def _clocks_jump(stage: Stage) -> bool:
    """Forwards and backwards while it lasts."""
    for _ in range(3):
        await _clocks_differ(stage)
        await asyncio.sleep(clocks.SEEN_AFTER_S)
    return True


def _of_clocks() -> list[Fault]:
    return [
        *(_clock(told, by_s) for told, by_s in SHIFTS.items()),
        Fault("clocks of all processes differ", 9, _clocks_differ, _clocks_right, CLOCK_S, CLOCK),
        Fault("clocks jump forwards and backwards", 9, _clocks_jump, _clocks_right, (0.0, 0.1), CLOCK),
    ]


# ---- memory ----------------------------------------------------------------------------------------------------------------------


def _no_more_memory(pid: int) -> None:
    """What it has asked for, it may have; anything more is refused, from now on."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    resource.prlimit(pid, resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE"), hard))


def _memory_again(pid: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (hard, hard))


def _starved(name: str) -> Fault:
    async def begin(stage: Stage) -> bool:
        process = stage.house.processes[name]
        process.may_end = True  # until it is looked at: it is started again, as after any other death
        with contextlib.suppress(OSError):
            _no_more_memory(process.pid)
            return True
        return False

    async def end(stage: Stage) -> bool:
        with contextlib.suppress(OSError):
            _memory_again(stage.house.processes[name].pid)
        return True

    return Fault(f"{name} gets no more memory", 15, begin, end, MEMORY_S, MEMORY)


async def _database_starved(stage: Stage) -> bool:
    pid = stage.house.child("mongodb").pid
    if pid is None:
        return False
    with contextlib.suppress(OSError):
        _no_more_memory(pid)
        return True
    return False


async def _database_fed(stage: Stage) -> bool:
    """Started again: what a server does that could not have what it needed is not known, and whoever watches over it starts it again."""
    stage.house.child("mongodb").kill()
    await stage.house.revive("mongodb")
    return True


def _of_memory() -> list[Fault]:
    return [*(_starved(name) for name in PROCESSES), Fault("mongodb gets no more memory", 15, _database_starved, _database_fed, MEMORY_S, MEMORY)]


# ---- an index is built -----------------------------------------------------------------------------------------------------------

MODELS = [IndexModel([("n", 1)], unique=True, name="n"), IndexModel([("text", 1), ("n", -1)], name="text")]
ADDED = 2  # the embedded database drops an index row by row, and answers nobody meanwhile
REBUILT = ("payments", "transactions", "journal_entries", "audit_records")


async def _killed_when(stage: Stage, building: "asyncio.Task[object]", within_s: float) -> bool:
    """Whether the database died while they were still being built."""
    await asyncio.sleep(stage.random.uniform(0.0, within_s))
    going = not building.done()
    stage.house.child("mongodb").kill()
    await asyncio.gather(building, return_exceptions=True)
    return going


async def _large_build(stage: Stage) -> bool:
    """Of a collection of its own, with more rows than those of the installation have by then."""
    rows = stage.house.client[ASIDE]["rows"]
    for model in MODELS:
        with contextlib.suppress(PyMongoError):
            await rows.drop_index(model.document["name"])
    return await _killed_when(stage, asyncio.create_task(rows.create_indexes(MODELS)), 0.1)


async def _large_build_again(stage: Stage) -> bool:
    """After it, whatever is left of the build, both can be built, and say the same as the rows themselves."""
    await stage.house.revive("mongodb")
    rows = stage.house.client[ASIDE]["rows"]
    await rows.create_indexes(MODELS)
    found = [
        await rows.count_documents({"n": {"$gte": 0}}, hint="n"),
        await rows.count_documents({"text": {"$gte": ""}}, hint="text"),
        len(await rows.find({}, {"_id": 1}).to_list()),
    ]
    if found != [ROWS] * 3:
        stage.problems.append(f"an index that was built again after a kill differs from its rows: {found}")
    return True


async def _deploy(stage: Stage) -> bool:
    """A deploy that has indexes to build, as many as a release adds: two of a collection. Neither unique ones, on which correctness rests at every
    moment, nor those with a condition, which the processes that run ask for by name."""
    rows = stage.house.database[stage.random.choice(REBUILT)]
    plain = [
        name
        for name, told in (await rows.index_information()).items()
        if name != "_id_" and not told.keys() & {"unique", "expireAfterSeconds", "partialFilterExpression"}
    ]
    for name in stage.random.sample(sorted(plain), k=ADDED):
        await rows.drop_index(name)
    return await _killed_when(stage, asyncio.create_task(_deployed(stage)), 0.8)


async def _deploy_again(stage: Stage) -> bool:
    await stage.house.revive("mongodb")
    await _deployed(stage)
    missing = [f"{name} {index}" for name in REBUILT for index in await _missing(stage, name)]
    if missing:
        stage.problems.append(f"indexes are missing after a deploy: {missing}")
    return True


async def _deployed(stage: Stage) -> object:
    return await prepare_database(stage.house.addresses.mongodb_uri, DATABASE, verify=True)


async def _missing(stage: Stage, name: str) -> Sequence[str]:
    there = set(await stage.house.database[name].index_information())
    wanted = stage.house.indexes[name]
    return sorted(wanted - there)


def _of_indexes() -> list[Fault]:
    short = (0.0, 0.5)
    return [
        Fault("mongodb killed while an index is built", 3, _large_build, _large_build_again, short, INDEX),
        Fault("mongodb killed while a deploy builds indexes", 3, _deploy, _deploy_again, short, INDEX),
    ]


def machine_faults() -> list[Fault]:
    return [*_of_clocks(), *_of_memory(), *_of_indexes()]
