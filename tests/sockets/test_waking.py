"""Thousands of consoles are told something in slices: whoever asks the process for anything else gets a turn in between."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from crypto_api.events.documents import Event
from crypto_api.organizations.types import Principal, Role
from crypto_api.sockets.channel import Channel
from crypto_api.sockets.console import Console, View
from crypto_api.sockets.timing import TOLD_AT_ONCE

CONSOLES = 2 * TOLD_AT_ONCE + 50


class Written:
    """A log of one organisation, in memory."""

    def __init__(self) -> None:
        self.rows: list[Event] = []

    def say(self, kind: str) -> None:
        at = datetime(2026, 11, 30, tzinfo=UTC)
        seq = len(self.rows) + 1
        self.rows.append(
            Event(id=f"evt_{seq}", created_at=at, org_id="org_1", kind=kind, permission="dashboard.read", data={}, seq=seq, pending=False)
        )

    async def after(self, org_id: str, seq: int, limit: int) -> list[Event]:
        return self.rows[seq : seq + limit]

    async def latest(self, org_id: str, limit: int) -> list[Event]:
        return self.rows[-limit:]

    async def head(self, org_id: str) -> int:
        return len(self.rows)

    async def seq_visible_at(self, org_id: str, seq: int, permissions: object, kind_prefix: str = "") -> int:
        return seq


@pytest.mark.usefixtures("runtime")
async def test_an_event_wakes_so_many_in_each_turn_and_all_of_them() -> None:
    log, turn, told, got = Written(), 0, Counter[int](), Counter[str]()
    channel = Channel("org_1", log)
    consoles = [Console(_somebody(), "org_1", View(None), heard_at=0.0) for _ in range(CONSOLES)]
    for console in consoles:
        await channel.join(console)
        assert await channel.missed(console) == [] and console.live

    async def turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def writes(console: Console) -> None:
        while True:
            await console.woken()
            told[turn] += 1
            while (frame := console.take()) is not None:
                got[frame] += 1

    counting = asyncio.create_task(turns())
    writers = [asyncio.create_task(writes(console)) for console in consoles]
    await asyncio.sleep(0.01)
    for kind in ("wallet.created", "payment.sent"):
        log.say(kind)
        await channel.advance()
    async with asyncio.timeout(30):
        while got.total() < 2 * CONSOLES:
            await asyncio.sleep(0)
    assert sorted(got.values()) == [CONSOLES, CONSOLES], "each frame went to each once"
    assert max(told.values()) <= TOLD_AT_ONCE
    for task in (counting, *writers):
        task.cancel()


def _somebody() -> Principal:
    return Principal("usr_1", "org_1", Role.ADMIN, frozenset(), "ses_1", datetime(2026, 12, 1, tzinfo=UTC))
