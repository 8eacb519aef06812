"""Rows in memory under units of work as the database has them: each reads the snapshot of its beginning and its own writes, of two that write one row
the later fails at once and runs again, and nothing is seen of it before it is committed. Each call is a point of the schedule."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import DuplicateKeyError

from tests.simulation.interleaving import Point

ATTEMPTS_MAX = 40  # as the real one has it


class Conflict(Exception):
    """Another unit of work wrote it first."""


@dataclass
class Tables:
    """What survives every crash: rows by kind and key. `unique`: what may stand once among the rows of a kind; None where a row has no such value."""

    rows: dict[tuple[str, str], Any] = field(default_factory=dict)
    changes: dict[tuple[str, str], int] = field(default_factory=dict)  # how often each was written
    locks: dict[tuple[str, str], "Unit"] = field(default_factory=dict)
    unique: dict[str, Callable[[Any], object | None]] = field(default_factory=dict)
    committing: list[Callable[["Unit"], None]] = field(default_factory=list)  # hears of each before it is seen

    def of(self, kind: str) -> list[Any]:
        return [row for (name, _), row in self.rows.items() if name == kind]

    def put(self, kind: str, key: str, row: Any) -> None:
        """As a unit of work of one statement."""
        unit = Unit(self)
        try:
            unit.put(kind, key, row)
            unit.commit()
        finally:
            unit.end()


class Unit:
    """A transaction, and in the place of the database's session."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._seen, self._changes = dict(tables.rows), dict(tables.changes)
        self.written: dict[tuple[str, str], Any] = {}
        self.notes: dict[str, Any] = {}  # what the schedule wants to know of it when it commits

    def get(self, kind: str, key: str) -> Any | None:
        return self._seen.get((kind, key))

    def of(self, kind: str) -> Iterator[tuple[str, Any]]:
        """By key."""
        yield from sorted((key, row) for (name, key), row in self._seen.items() if name == kind)

    def put(self, kind: str, key: str, row: Any) -> None:
        """Conflict where another has written it since this one began, or is about to; DuplicateKeyError where another row has its unique value."""
        place = (kind, key)
        if self.tables.changes.get(place, 0) != self._changes.get(place, 0) or self.tables.locks.get(place, self) is not self:
            raise Conflict
        self._hold_unique(kind, key, row)
        self.tables.locks[place] = self
        self._seen[place] = self.written[place] = row

    def _hold_unique(self, kind: str, key: str, row: Any) -> None:
        """The index looks beyond the snapshot, and waits for nobody: who is about to write the same value is a conflict."""
        of = self.tables.unique.get(kind)
        value = of(row) if of is not None else None
        if of is None or value is None:
            return
        for (name, other), held in self.tables.locks.items():
            if name == kind and other != key and held is not self and of(held.written[name, other]) == value:
                raise Conflict
        for name, other in self.tables.rows.keys() | self.written.keys():
            if name == kind and other != key:
                there = self.written.get((name, other), self.tables.rows.get((name, other)))
                if of(there) == value:
                    raise DuplicateKeyError(f"{kind} {key} and {other} have the same {value}")

    def commit(self) -> None:
        for told in self.tables.committing:
            told(self)
        for place, row in self.written.items():
            self.tables.changes[place] = self.tables.changes.get(place, 0) + 1
            self.tables.rows[place] = row
        self.end()

    def end(self) -> None:
        for place in self.written:
            self.tables.locks.pop(place, None)
        self.written = {}


@dataclass
class Units:
    """A `UnitOfWork`: again where another was first."""

    tables: Tables

    async def run(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        for _ in range(ATTEMPTS_MAX):
            await Point("unit.begin")
            unit = Unit(self.tables)
            try:
                result = await work(unit)
                await Point("unit.commit")
                unit.commit()
            except Conflict:
                continue
            finally:
                unit.end()
            await Point("unit.reply")
            return result
        raise Conflict("given up")
