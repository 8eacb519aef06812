"""What the sealed books say about lots, up to a seal: as `lot_events` tells it, and of any length of history.

Read is the chain of seals, some links at a time. What a link holds never changes, so that the reads need no common snapshot: whatever is posted or
taken back meanwhile has a later seal, or none. An entry stands where nothing up to there takes it back.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from crypto_api.kit.external_sort import ExternalSort
from crypto_api.ledger import seal_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import Line, SourceKind
from crypto_api.lots.types import Event, Kind
from crypto_api.reports.lot_events import PLACES, Entry, events_of, origins_of

_BATCH = 500


class SealedLotEvents:
    """Events of entries that stand, in their order. To be used as a context: what memory does not hold lies in temporary files."""

    def __init__(self, org_id: str, time_zone: str) -> None:
        self._org_id, self._zone = org_id, ZoneInfo(time_zone)
        self._sorted = ExternalSort(Event._fields.index("order"))
        self._taken_back: set[str] = set()

    def __enter__(self) -> "SealedLotEvents":
        self._sorted.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._sorted.__exit__()

    async def read(self, upto: int, waiting: Sequence[JournalEntry]) -> None:
        """Everything up to the seal `upto`, and what waited for one then."""
        async for contents in _contents(self._org_id, upto):
            self._note(contents)
            await self._add([_sealed(content) for content in contents if _concerns(content["reverses"], content["lines"])])
        self._taken_back |= {entry.reverses for entry in waiting if entry.reverses is not None}
        await self._add([_posted(entry) for entry in waiting if entry.reverses is None and any(line.account_code in PLACES for line in entry.lines)])

    def __iter__(self) -> Iterator[Event]:
        """Once."""
        for ref, order, day, kind, *rest in self._sorted:
            if ref.rpartition(":")[0] not in self._taken_back:
                yield Event(ref, order, day, Kind(kind), *rest)

    def _note(self, contents: Iterable[Mapping[str, Any]]) -> None:
        self._taken_back |= {content["reverses"] for content in contents if content["reverses"] is not None}

    async def _add(self, entries: Sequence[Entry]) -> None:
        origins = await origins_of(self._org_id, entries)
        for entry in entries:
            self._sorted.add(event for event, _ in events_of(entry, origins.get(entry.transaction_id or ""), self._zone))


async def _contents(org_id: str, upto: int) -> AsyncIterator[list[dict[str, Any]]]:
    seq = 0
    while seq < upto and (seals := await seal_store.seals_after(org_id, seq, _BATCH)):
        yield [orjson.loads(seal.content) for seal in seals if seal.seq <= upto]
        seq = seals[-1].seq


def _concerns(reverses: str | None, lines: Iterable[Mapping[str, Any]]) -> bool:
    return reverses is None and any(line["account_code"] in PLACES for line in lines)


def _sealed(content: Mapping[str, Any]) -> Entry:
    day = content["original_date"] or content["date"]
    by_hand = content["source"]["kind"] == SourceKind.MANUAL
    return Entry(content["id"], date.fromisoformat(day), list(map(_line, content["lines"])), content["unpriced"], content["transaction_id"], by_hand)


def _line(line: Mapping[str, Any]) -> Line:
    amounts = {name: Decimal(line[name]) if line[name] is not None else None for name in ("debit", "credit", "quantity")}
    return Line.model_construct(**{**line, **amounts})


def _posted(entry: JournalEntry) -> Entry:
    by_hand = entry.source_kind is SourceKind.MANUAL
    return Entry(entry.id, entry.original_date or entry.date, entry.lines, entry.unpriced, entry.transaction_id, by_hand)
