"""Numbers are given once, without a gap, in the order of commits, whoever else relays and whenever a relay dies."""

import asyncio
import contextlib
from pathlib import Path
from typing import ClassVar

import pytest
from pymongo.errors import DuplicateKeyError, PyMongoError

from crypto_api.events import service as events
from crypto_api.events import store
from crypto_api.events.documents import Event, EventHead
from crypto_api.events.types import DomainEvent
from crypto_api.flows.relay_events import relay_pass
from crypto_api.runtime import Runtime
from tests.conftest import ConfigMaker
from tests.factories.killed import killed_at

ORG, OTHER = "org_one", "org_two"


class Noted(DomainEvent):
    kind: ClassVar[str] = "test.noted"
    permission: ClassVar[str] = "organization.read"

    number: int


class Bell:
    def __init__(self) -> None:
        self.rung: list[tuple[str, int]] = []

    async def announce(self, org_id: str, head: int) -> None:
        self.rung.append((org_id, head))


async def note(runtime: Runtime, org_id: str, *numbers: int) -> None:
    async def work(session: object) -> None:
        for number in numbers:
            await events.append(session, org_id, Noted(number=number), runtime.clock.now())  # type: ignore[arg-type]

    await runtime.uow.run(work)


async def told(org_id: str) -> list[tuple[int | None, int]]:
    """(sequence number, what the event says) of the whole log."""
    return [(event.seq, event.data["number"]) for event in await store.after(org_id, 0, 100_000)]


async def test_a_pass_numbers_each_organisation_from_one_and_announces_the_head(runtime: Runtime) -> None:
    await note(runtime, ORG, 10, 11, 12)
    await note(runtime, OTHER, 20)
    await note(runtime, ORG, 13)
    bell = Bell()
    assert await relay_pass(runtime.uow, runtime.clock, bell) == 5
    assert await told(ORG) == [(1, 10), (2, 11), (3, 12), (4, 13)]
    assert await told(OTHER) == [(1, 20)]
    assert sorted(bell.rung) == [(ORG, 4), (OTHER, 1)]
    assert await store.heads([ORG, OTHER, "org_none"]) == {ORG: 4, OTHER: 1}
    assert await relay_pass(runtime.uow, runtime.clock, bell) == 0


async def test_what_is_not_committed_gets_no_number_and_what_rolled_back_never_existed(runtime: Runtime) -> None:
    written, go_on = asyncio.Event(), asyncio.Event()

    async def slow(session: object) -> None:
        await events.append(session, ORG, Noted(number=1), runtime.clock.now())  # type: ignore[arg-type]
        written.set()
        await go_on.wait()

    async def failing(session: object) -> None:
        await events.append(session, ORG, Noted(number=99), runtime.clock.now())  # type: ignore[arg-type]
        raise RuntimeError("rolled back")

    writer = asyncio.create_task(runtime.uow.run(slow))
    await written.wait()
    await note(runtime, ORG, 2)  # written later, committed first
    with contextlib.suppress(RuntimeError):
        await runtime.uow.run(failing)
    bell = Bell()
    assert await relay_pass(runtime.uow, runtime.clock, bell) == 1
    go_on.set()
    await writer
    assert await relay_pass(runtime.uow, runtime.clock, bell) == 1
    assert await told(ORG) == [(1, 2), (2, 1)]


async def test_the_same_event_id_is_appended_once(runtime: Runtime) -> None:
    async def work(session: object) -> None:
        await events.append(session, ORG, Noted(number=1), runtime.clock.now(), event_id="evt_fixed")  # type: ignore[arg-type]

    await runtime.uow.run(work)
    with pytest.raises(DuplicateKeyError):
        await runtime.uow.run(work)
    assert await Event.find({"org_id": ORG}).count() == 1


async def test_relays_beside_each_other_under_writers_leave_no_gap_and_no_double(runtime: Runtime) -> None:
    writing = 4 * 25
    bell = Bell()

    async def write(writer: int) -> None:
        for index in range(25):
            await note(runtime, ORG, writer * 1_000 + index)

    async def relay() -> None:
        while await store.head(ORG) < writing:
            await relay_pass(runtime.uow, runtime.clock, bell)
            await asyncio.sleep(0.001)

    async with asyncio.timeout(60):
        await asyncio.gather(*(write(writer) for writer in range(4)), *(relay() for _ in range(3)))
    log = await told(ORG)
    assert [seq for seq, _ in log] == list(range(1, writing + 1))
    assert len({number for _, number in log}) == writing
    for writer in range(4):  # each writer's own order is kept
        own = [number for _, number in log if number // 1_000 == writer]
        assert own == sorted(own)
    assert max(head for _, head in bell.rung) == writing


RELAY = ("from crypto_api.flows.relay_events import relay_pass", "relay_pass(runtime.uow, runtime.clock, runtime.frames)")


async def test_a_relay_killed_at_any_step_is_taken_over_without_a_trace(runtime: Runtime, make_config: ConfigMaker, tmp_path: Path) -> None:
    config, bell, written = make_config(), Bell(), 0
    for step in ("relay.counted", "relay.numbered", "relay.committed"):
        await note(runtime, ORG, *range(written, written + 3))
        written += 3
        before = await store.head(ORG)
        await killed_at(config, tmp_path, step, *RELAY)
        assert await store.head(ORG) == (before + 3 if step == "relay.committed" else before), step
        async with asyncio.timeout(60):  # what the dead one holds is let go by whoever sees that it is dead
            while await Event.find({"org_id": ORG, "pending": True}).count():
                with contextlib.suppress(PyMongoError):
                    await relay_pass(runtime.uow, runtime.clock, bell)
        assert await told(ORG) == [(number + 1, number) for number in range(written)], step
    head = await EventHead.get(ORG)
    assert head is not None and head.seq == written
