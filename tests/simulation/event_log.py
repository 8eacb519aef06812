"""The log of events in memory, as the relay and the consoles reach it: transactions with a snapshot and first-writer-wins, and reads of what is
committed. Each call is a point at which the schedule may let others go first, or end the process."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from crypto_api.events.documents import Event

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
ATTEMPTS_MAX = 40
WHO: ContextVar[str] = ContextVar("who")
"""Whose coroutine it is; each waits at one point at a time."""


class Conflict(Exception):
    """Another unit of work wrote it first."""


@dataclass
class Points:
    """Whoever calls a port waits here, until the schedule lets it go on."""

    waiting: dict[str, tuple[str, "asyncio.Future[None]"]] = field(default_factory=dict)

    async def at(self, name: str) -> None:
        who, going = WHO.get(), asyncio.get_running_loop().create_future()
        assert who not in self.waiting, f"{who} is at two points at once"
        self.waiting[who] = (name, going)
        try:
            await going
        finally:
            self.waiting.pop(who, None)


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    org_id: str
    kind: str
    permission: str
    number: int  # what it tells
    seq: int | None = None


@dataclass
class Tables:
    """What survives every crash."""

    events: dict[str, Row] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)  # how often each row was written
    locks: dict[str, "Session"] = field(default_factory=dict)

    def numbered(self, org_id: str) -> list[Row]:
        """In order."""
        return sorted((row for row in self.events.values() if row.org_id == org_id and row.seq is not None), key=lambda row: row.seq or 0)


class Session:
    """A transaction: it reads what was committed when it began, and its own writes."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.events, self.heads, self.changes = dict(tables.events), dict(tables.heads), dict(tables.changes)
        self._written: set[str] = set()

    def _write(self, key: str) -> None:
        """Conflict where another has written it since this one began, or is about to."""
        if self.tables.changes.get(key, 0) != self.changes.get(key, 0) or self.tables.locks.get(key, self) is not self:
            raise Conflict
        self.tables.locks[key] = self
        self._written.add(key)

    def put_event(self, row: Row) -> None:
        self._write(row.id)
        self.events[row.id] = row

    def put_head(self, org_id: str, seq: int) -> None:
        self._write(f"head {org_id}")
        self.heads[org_id] = seq

    def commit(self) -> None:
        for key in self._written:
            self.tables.changes[key] = self.tables.changes.get(key, 0) + 1
            if key.startswith("head "):
                self.tables.heads[key[5:]] = self.heads[key[5:]]
            else:
                self.tables.events[key] = self.events[key]
        self.end()

    def end(self) -> None:
        for key in self._written:
            del self.tables.locks[key]
        self._written.clear()


@dataclass
class Units:
    """A `UnitOfWork`: again where another was first, as the real one does it."""

    tables: Tables
    points: Points
    committed: Callable[[], None]

    async def run(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        for _ in range(ATTEMPTS_MAX):
            await self.points.at("unit.begin")
            session = Session(self.tables)
            try:
                result = await work(session)
                await self.points.at("unit.commit")
                session.commit()
            except Conflict:
                continue
            finally:
                session.end()
            self.committed()
            await self.points.at("unit.reply")
            return result
        raise Conflict


@dataclass
class Log:
    """`relay_events.Log` and `channel.Log`."""

    tables: Tables
    points: Points

    async def pending(self, limit: int) -> list[tuple[str, str]]:
        await self.points.at("log.pending")
        rows = sorted((row for row in self.tables.events.values() if row.seq is None), key=lambda row: row.id)
        return [(row.org_id, row.id) for row in rows[:limit]]

    async def still_pending(self, session: Session, org_id: str, event_ids: list[str]) -> list[str]:
        await self.points.at("log.still_pending")
        return sorted(id_ for id_ in event_ids if session.events[id_].org_id == org_id and session.events[id_].seq is None)

    async def take_numbers(self, session: Session, org_id: str, count: int, now: datetime) -> int:
        await self.points.at("log.take_numbers")
        session.put_head(org_id, session.heads.get(org_id, 0) + count)
        return session.heads[org_id] - count + 1

    async def give_numbers(self, session: Session, org_id: str, event_ids: list[str], first: int, now: datetime) -> int:
        await self.points.at("log.give_numbers")
        given = 0
        for seq, id_ in enumerate(event_ids, first):
            row = session.events[id_]
            if row.org_id == org_id and row.seq is None:
                session.put_event(replace(row, seq=seq))
                given += 1
        return given

    async def after(self, org_id: str, seq: int, limit: int) -> list[Event]:
        await self.points.at("log.after")
        return [_event(row) for row in self.tables.numbered(org_id) if (row.seq or 0) > seq][:limit]

    async def latest(self, org_id: str, limit: int) -> list[Event]:
        await self.points.at("log.latest")
        return [_event(row) for row in self.tables.numbered(org_id)][-limit:]

    async def head(self, org_id: str) -> int:
        await self.points.at("log.head")
        return self.tables.heads.get(org_id, 0)

    async def seq_visible_at(self, org_id: str, seq: int, permissions: Iterable[str] | None, kind_prefix: str = "") -> int:
        await self.points.at("log.seq_visible_at")
        shown = None if permissions is None else set(permissions)
        rows = [row for row in self.tables.numbered(org_id) if (row.seq or 0) <= seq and row.kind.startswith(kind_prefix)]
        return max((row.seq or 0 for row in rows if shown is None or row.permission in shown), default=0)


def _event(row: Row) -> Event:
    return Event.model_construct(
        id=row.id, org_id=row.org_id, kind=row.kind, permission=row.permission, seq=row.seq, created_at=BEGIN, data={"number": row.number}
    )
