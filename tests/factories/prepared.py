"""What the same preparation has just stored, stored again: the next test that begins with the same people and the same organisation gets, in one
command, the very rows that the product made when it was really asked.

They are whole: whatever appeared in the database, and the letters. They are stored again only where everything in the database is of the same
preparations in the same order, so that nothing in them is older than what it follows; nothing is kept for longer than a test could notice; and what
waits in Valkey is not, which may be emptied at any time.
"""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import InvalidOperation

from crypto_api.kit.clock import SystemClock
from crypto_api.runtime import Runtime
from mongodb_config.client import MongoClient
from tests.tenant_guard import COLLECTIONS, guard

KEPT_FOR_S = 30.0

T = TypeVar("T")
Rows = Mapping[tuple[str, str], RawBSONDocument]  # by collection and `_id`, in the order of the database
_RAW = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True)
class _Kept:
    made_at: float
    after: "_Kept | None"  # what stood there when it was made: only then are its keys and sessions those of the rest
    rows: Rows
    letters: Mapping[str, bytes]
    answer: Any


@dataclass
class Kept:
    """Of a whole session, by the keys of the preparations that there have been in a test."""

    client: MongoClient
    made: dict[tuple[Hashable, ...], _Kept] = field(default_factory=dict)


class Prepared:
    """Of one test."""

    def __init__(self, kept: Kept) -> None:
        self._client, self._made = kept.client, kept.made
        self._keys: tuple[Hashable, ...] = ()
        self._last: _Kept | None = None
        self._changes = 0
        self._really = False  # asked the product: what follows is younger than what is kept
        self._one = asyncio.Lock()

    async def once(self, runtime: Runtime, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` gives back, which ran now or a moment ago in another test. `key` names all that it depends on."""
        async with self._one:
            if guard.changes != self._changes or type(runtime.clock) is not SystemClock:
                return await make()  # from now on, since that changes something as well
            self._keys = (*self._keys, key)
            kept = self._made.get(self._keys)
            if kept is not None and kept.after is self._last and not self._really and time.monotonic() - kept.made_at < KEPT_FOR_S:
                await self._store(runtime.config.mongodb_database, kept.rows)
                _write(runtime.config.log_dir / "mail", kept.letters)
                answer: T = copy.deepcopy(kept.answer)
                self._last = kept
            else:
                self._really = True
                answer = await self._made_now(runtime, make)
            self._changes = guard.changes
            return answer

    async def _made_now(self, runtime: Runtime, make: Callable[[], Awaitable[T]]) -> T:
        folder, database, made_at = runtime.config.log_dir / "mail", runtime.config.mongodb_database, time.monotonic()
        rows, letters = await self.stored(database), _letters(folder)
        answer = await make()
        now = await self.stored(database)
        if all(now.get(at) == row for at, row in rows.items()):  # it only added
            written = {name: text for name, text in _letters(folder).items() if name not in letters}
            added = {at: row for at, row in now.items() if at not in rows}
            self._made[self._keys] = self._last = _Kept(made_at, self._last, added, written, copy.deepcopy(answer))
        return answer

    async def stored(self, database: str) -> Rows:
        """Every row of every document, byte for byte."""
        raw, found = self._client[database].with_options(codec_options=_RAW), {}
        for name in await _filled(raw):
            async for row in raw[name].find():
                found[name, str(row["_id"])] = row
        return found

    async def _store(self, database: str, rows: Rows) -> None:
        try:
            await self._client.bulk_write([InsertOne(row, namespace=f"{database}.{collection}") for (collection, _), row in rows.items()])
        except InvalidOperation:  # before MongoDB 8: a command for each
            for (collection, _), row in rows.items():
                await self._client[database][collection].insert_one(row)


async def _filled(database: AsyncDatabase[Any]) -> list[str]:
    """The collections with a row, asked for in one command."""

    def one_of(name: str) -> list[dict[str, Any]]:
        return [{"$limit": 1}, {"$project": {"_id": 0, "of": {"$literal": name}}}]

    first, *others = sorted(COLLECTIONS)
    pipeline = [*one_of(first), *({"$unionWith": {"coll": name, "pipeline": one_of(name)}} for name in others)]
    return [row["of"] async for row in await database[first].aggregate(pipeline)]


def _letters(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.eml")}


def _write(folder: Path, letters: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in letters.items():
        (folder / name).write_bytes(text)
