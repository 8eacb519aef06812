"""A short run of the follower's simulator, and bugs that are planted for it to find. The long run: `manage.py simulate`."""

from collections.abc import Sequence
from typing import Any

import pytest

from crypto_api.chains import machine, rules
from crypto_api.chains.machine import KeptBlock
from crypto_api.chains.stretches import ReadAhead
from crypto_api.chains.types import Position
from crypto_api.kit.ethereum import BlockHeader
from tests.simulation.following import Book, Follower, Provider, Schedule, Tables
from tests.simulation.interleaving import Point
from tests.simulation.payments import Violation
from tests.simulation.proving import expect_found, traces_of

SCHEDULES = 120
TO_FIND = 300


def test_what_is_kept_is_the_chain() -> None:
    for seed in range(SCHEDULES):
        Schedule(seed, too_deep=seed % 20 == 19).run()


def test_the_same_seed_gives_the_same_trace() -> None:
    first, _ = traces_of(Schedule, 5)
    assert any(row.startswith("reorganise") for row in first)


# ---- the simulator proves itself ---------------------------------------------------------------------------------------------------


def _everything_links(parent_hash: str, headers: Sequence[BlockHeader]) -> int:
    return len(headers)


async def _takes_without_comparing(self: Any, here: Position, headers: Sequence[BlockHeader], rows: Any, head: int) -> None:
    self.tables.cursor = here
    await _TAKE(self, here, headers, rows, head)


async def _undoes_without_comparing(self: Any, block: KeptBlock) -> None:
    self.tables.cursor = Position(block.number, block.hash)
    await _UNDO(self, block)


async def _cursor_apart_from_the_rows(self: Any, here: Position, headers: Sequence[BlockHeader], rows: Any, head: int) -> None:
    """In two units of work: what dies between them has moved the cursor over blocks that are not there."""
    tables: Tables = self.tables
    if tables.cursor == here:
        tables.cursor = Position(headers[-1].number, headers[-1].hash)
        await Point("between")
        tables.cursor = here
    await _TAKE(self, here, headers, rows, head)


async def _skips_what_is_not_there(self: Any, first: int, last: int) -> Any:
    """A null block is left out instead of asked for again."""
    found = await _READ(self, first, last)
    return found[1:] if len(found) > 1 else found


async def _guesses_when_it_is_too_deep(book: Any, chain: Any, height: int, depth_max: int) -> list[KeptBlock]:
    return list(await book.canonical_blocks(height - depth_max))


async def _looks_at_new_heads_alone(book: Any, chain: Any, here: Position, head: int) -> None:
    """A branch that is not longer than ours is never noticed."""


async def _uses_whatever_was_read_ahead(self: Any, book: Any, here: Position, head: int) -> Any:
    reading, self._reading = self._reading, None
    found = await reading if reading is not None else None
    return found or await _NEXT(self, book, here, head)


async def _takes_whoever_was_opened(self: Any, here: Position, headers: Sequence[BlockHeader], rows: Any, head: int) -> None:
    """Whoever was paused takes what it read before another opened an account where the cursor stands."""
    self.watched.openings = self.tables.openings
    await _TAKE(self, here, headers, rows, head)


def _watches_whom_it_watched(self: Any) -> int:
    """What was read ahead before an account was opened is used as if nothing had happened."""
    return 0


_NEXT = ReadAhead.next
_TAKE, _UNDO, _READ = Book.take, Book.undo, Provider.read

PLANTED = {
    "no look at the parent": (rules, "linked", _everything_links),
    "blocks are taken by whoever comes": (Book, "take", _takes_without_comparing),
    "blocks are undone by whoever comes": (Book, "undo", _undoes_without_comparing),
    "the cursor moves by itself": (Book, "take", _cursor_apart_from_the_rows),
    "too deep is guessed": (machine, "_doomed", _guesses_when_it_is_too_deep),
    "read ahead is never looked at again": (ReadAhead, "next", _uses_whatever_was_read_ahead),
    "blocks are taken without the accounts that others opened": (Book, "take", _takes_whoever_was_opened),
    "read ahead without the new accounts": (Book, "watching", _watches_whom_it_watched),
    "nothing new is nothing changed": (machine, "_still_stands", _looks_at_new_heads_alone),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_bug_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, bug = PLANTED[planted]
    monkeypatch.setattr(place, name, bug)
    expect_found(planted, lambda seed: Schedule(seed, too_deep=seed % 10 == 9), TO_FIND)


def test_a_block_that_is_left_out_does_not_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs a retry and nothing else: the parent is looked at."""
    monkeypatch.setattr(Provider, "read", _skips_what_is_not_there)
    monkeypatch.setattr(Schedule, "_born", lambda self: Follower(10))
    schedule = Schedule(1, actions=50)
    with pytest.raises(Violation, match="it does not come to the end of the chain"):
        schedule.run()
    assert schedule.tables.cursor.height == max(schedule.tables.canonical)
