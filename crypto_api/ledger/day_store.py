"""Queries of entries in the order of their days, some days at a time: a page, and a walk through all of them, cost what they give and not what the
books hold.

Asked is what an index begins with and nothing else. One condition more (a status, a wallet, an instant), and the embedded server leaves the index
aside and reads every entry there is; so these are told apart here, before a row is made an entry. Days are asked for a few at a time, because no
index has both the days of an account and the order within a day, and a server would sort all that are asked for.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import Page, PageRequest
from crypto_api.kit.turns import in_turns
from crypto_api.ledger import rules
from crypto_api.ledger.documents import AccountSum, JournalEntry
from crypto_api.ledger.types import EntryStatus, Span
from mongodb_config import pages
from mongodb_config.unit_of_work import Session

_COUNTED = frozenset({EntryStatus.POSTED.value, EntryStatus.REVERSED.value})  # a reversed entry stands; its mirror takes it back
_DAYS_AT_FIRST, _DAYS_MAX = 1, 4096
_MONTH_MAX = 31  # days
_SEALED = dict.fromkeys(("date", "status", "unsealed", "seal_seq"), 1)
_UNSEALED, _DRAFTS = "org_unsealed", "org_drafts"  # named to the server: of the many indexes that begin with the organisation only these are short


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries that count: of an account (of one wallet, of one asset) or of all, of the days from `first` to `last`, as known at an instant."""

    account_code: str | None = None
    wallet_id: str | None = None
    asset: str | None = None
    first: date | None = None
    last: date | None = None
    known_at: datetime | None = None

    def has(self, row: dict[str, Any]) -> bool:
        if row["status"] not in _COUNTED or (self.known_at is not None and row["posted_at"].replace(tzinfo=UTC) > self.known_at):
            return False
        return any(map(self.has_line, row["lines"]))

    def has_line(self, line: dict[str, Any]) -> bool:
        told = ((self.account_code, "account_code"), (self.wallet_id, "wallet_id"), (self.asset, "asset"))
        return all(value is None or line.get(name) == value for value, name in told)


async def walk(org_id: str, wanted: Entries, *, batch: int = 200) -> AsyncIterator[list[JournalEntry]]:
    """All of them by date, and within a day in the order in which they were made; batches of whole days, of about `batch` entries. Of an account,
    each with the lines that are asked for alone."""

    def with_its_lines(row: dict[str, Any]) -> JournalEntry:
        return JournalEntry.model_validate({**row, "lines": list(filter(wanted.has_line, row["lines"]))})

    async for rows in _stretches(org_id, wanted, batch, descending=False):
        if kept := await in_turns(with_its_lines, filter(wanted.has, rows)):
            yield kept


async def page(org_id: str, wanted: Entries, request: PageRequest) -> Page[JournalEntry]:
    """Those that count, sorted by date. What it costs follows the days that it spans, at any depth and length of history."""
    found = await some(org_id, wanted, request, wanted.has, batch=request.limit)
    return Page(found.items, found.next_cursor, await count(org_id, wanted) if request.count else None)


async def some(org_id: str, wanted: Entries, request: PageRequest, has: Callable[[dict[str, Any]], bool], *, batch: int) -> Page[JournalEntry]:
    """Of the account and the days of `wanted` those that `has` lets through, sorted by date; rows are read about `batch` at a time."""
    after, descending = _position(request), request.descending
    asked = wanted
    if after is not None:
        asked = replace(wanted, last=after[0].date()) if descending else replace(wanted, first=after[0].date())
    found: list[JournalEntry] = []
    async for rows in _stretches(org_id, asked, batch, descending=descending):
        found += await in_turns(JournalEntry.model_validate, [row for row in rows if has(row) and _is_behind(row, after, descending=descending)])
        if len(found) > request.limit:
            break
    kept = found[: request.limit]
    cursor = request.cursor_after(_midnight(kept[-1].date), kept[-1].id) if len(found) > len(kept) else None
    return Page(kept, cursor)


async def drafts(org_id: str, session: Session | None = None) -> list[dict[str, Any]]:
    """All of them, as they are stored: they are few, and have an index of their own."""
    return await JournalEntry.get_pymongo_collection().find({"org_id": org_id, "status": "draft"}, session=session, hint=_DRAFTS).to_list()


async def every_sealed(org_id: str, first: date, last: date, batch: int) -> AsyncIterator[dict[str, int | None]]:
    """Every entry that counts and waits for no seal, with the number of the seal that it names: of the days from `first` to `last` some at a time,
    and of whatever other days there are at once."""
    wanted, end = Entries(), last.toordinal() + 1
    if first > last:
        yield _sealed(await _rows(org_id, wanted, date.min.toordinal(), date.max.toordinal() + 1, shown=_SEALED))
        return
    yield _sealed(await _rows(org_id, wanted, date.min.toordinal(), first.toordinal(), shown=_SEALED))
    async for rows in _by_days(org_id, wanted, (first, last), batch, shown=_SEALED):
        yield _sealed(rows)
    yield _sealed(await _rows(org_id, wanted, end, date.max.toordinal() + 1, shown=_SEALED))


def _sealed(rows: Sequence[dict[str, Any]]) -> dict[str, int | None]:
    return {row["_id"]: row.get("seal_seq") for row in rows if row["status"] in _COUNTED and not row.get("unsealed")}


async def first_day(org_id: str, session: Session | None = None) -> date | None:
    """Of the first entry that counts: of the days that have a kept sum, and of what has no seal and is in no sum yet. Reads no other entry."""
    sums, shown = AccountSum.get_pymongo_collection(), {"date": 1}
    rows = await JournalEntry.get_pymongo_collection().find(_unsealed(org_id), shown, session=session, hint=_UNSEALED).to_list()
    async for month in sums.find({"org_id": org_id, "span": Span.MONTH.value}, shown, session=session).sort("date", 1).limit(1):
        days = pages.not_before(month["date"]) | {"$lt": month["date"] + timedelta(days=_MONTH_MAX)}
        rows += await sums.find({"org_id": org_id, "span": Span.DAY.value, "date": days}, shown, session=session).sort("date", 1).limit(1).to_list()
    return min((row["date"].date() for row in rows), default=None)


async def counted_between(org_id: str, first: date, last: date, session: Session | None = None) -> int:
    """How many entries count on these days, both included."""
    rows = await _rows(org_id, Entries(), first.toordinal(), last.toordinal() + 1, session)
    return sum(map(Entries().has, rows))


def _position(request: PageRequest) -> tuple[datetime, str] | None:
    """InvalidInput for a cursor that names no day."""
    found = request.position()
    if found is not None and (not isinstance(found[0], datetime) or found[0].tzinfo is None):
        raise InvalidInput.of("cursor", "is not a cursor of this list", "invalid_cursor")
    return found


async def count(org_id: str, wanted: Entries, *, up_to: int | None = None) -> int:
    """How many they are; counting ends once they are more than `up_to`. Reads each, and makes an entry of none."""
    return await _total(org_id, wanted, lambda row: 1, up_to)


async def count_lines(org_id: str, wanted: Entries, *, up_to: int | None = None) -> int:
    """How many lines they have: of the account, or, where none is named, of all."""
    return await _total(org_id, wanted, lambda row: sum(map(wanted.has_line, row["lines"])), up_to)


async def _total(org_id: str, wanted: Entries, worth: Callable[[dict[str, Any]], int], up_to: int | None) -> int:
    total = 0
    async for rows in _stretches(org_id, wanted, 1000, descending=False):
        total += sum(worth(row) for row in rows if wanted.has(row))
        if up_to is not None and total > up_to:
            break
    return total


async def about(org_id: str, wanted: Entries) -> int:
    """How many there may be, of whichever status and place: for telling how far something is, and cheap."""
    query: dict[str, Any] = {"org_id": org_id} | ({"lines.account_code": wanted.account_code} if wanted.account_code is not None else {})
    return await JournalEntry.get_pymongo_collection().count_documents(query)


async def of_day_before(org_id: str, wanted: Entries, entry: JournalEntry) -> list[JournalEntry]:
    """Those that stand before `entry` on its day."""
    day = entry.date.toordinal()
    return [JournalEntry.model_validate(row) for row in await _rows(org_id, wanted, day, day + 1) if row["_id"] < entry.id and wanted.has(row)]


# ---- days ------------------------------------------------------------------------------------------------------------------------


def _is_behind(row: dict[str, Any], after: tuple[datetime, str] | None, *, descending: bool) -> bool:
    if after is None:
        return True
    place = (row["date"].replace(tzinfo=UTC), row["_id"])
    return place < after if descending else place > after


async def _stretches(
    org_id: str, wanted: Entries, batch: int, *, descending: bool, session: Session | None = None
) -> AsyncIterator[list[dict[str, Any]]]:
    """Rows of the days on which there may be any."""
    ends = await _ends(org_id, wanted, session, descending=descending)
    if ends is not None:
        async for rows in _by_days(org_id, wanted, ends, batch, descending=descending, session=session):
            yield rows


async def _by_days(
    org_id: str,
    wanted: Entries,
    ends: tuple[date, date],
    batch: int,
    *,
    descending: bool = False,
    session: Session | None = None,
    shown: Mapping[str, int] | None = None,
) -> AsyncIterator[list[dict[str, Any]]]:
    """Rows of some days, then of the next: as many days at a time as give about `batch` of them."""
    first, end, days = ends[0].toordinal(), ends[1].toordinal() + 1, _DAYS_AT_FIRST
    while first < end:
        span = min(days, end - first)
        start, stop = (end - span, end) if descending else (first, first + span)
        rows = await _rows(org_id, wanted, start, stop, session, shown)
        yield rows[::-1] if descending else rows
        first, end = (first, start) if descending else (stop, end)
        if len(rows) < batch // 2:
            days = min(days * 2, _DAYS_MAX)
        elif len(rows) > batch * 2:
            days = max(days // 2, 1)


async def _rows(
    org_id: str, wanted: Entries, start: int, stop: int, session: Session | None = None, shown: Mapping[str, int] | None = None
) -> list[dict[str, Any]]:
    """Of the days from `start` to the one before `stop`, by their ordinals, in order, whatever their status is."""
    query: dict[str, Any] = {"org_id": org_id}
    if wanted.account_code is not None:
        query["lines.account_code"] = wanted.account_code
    query["date"] = _between(start, stop)
    rows = await JournalEntry.get_pymongo_collection().find(query, shown, session=session).to_list()
    return sorted(rows, key=lambda row: (row["date"], row["_id"]))


async def _ends(org_id: str, wanted: Entries, session: Session | None = None, *, descending: bool = False) -> tuple[date, date] | None:
    """The first and the last day on which there may be any: of what has a kept sum, and of what is in no sum: what has no seal yet, and drafts. The
    one at which a walk begins to the day, the other to the year."""
    years = await _begins_of(org_id, wanted, Span.YEAR, {}, session)
    entries, shown = JournalEntry.get_pymongo_collection(), {"date": 1}
    waiting = await entries.find(_unsealed(org_id), shown, session=session, hint=_UNSEALED).to_list()
    waiting += await entries.find({"org_id": org_id, "status": "draft"}, shown, session=session, hint=_DRAFTS).to_list()
    beside = {row["date"].date() for row in waiting}
    days = beside | years | {date(year.year, 12, 31) for year in years}
    if not days:
        return None
    first, last = max(min(days), wanted.first or date.min), min(max(days), wanted.last or date.max)
    if first > last:
        return None
    if descending:
        summed = await _nearest(org_id, wanted, last, session, descending=True)
        return first, max([summed, *(day for day in beside if day <= last)])
    summed = await _nearest(org_id, wanted, first, session, descending=False)
    return min([summed, *(day for day in beside if day >= first)]), last


async def _nearest(org_id: str, wanted: Entries, day: date, session: Session | None, *, descending: bool) -> date:
    """The nearest day from `day` on, backwards or forwards, that has a kept sum; of another year than its own, `day`. From where nothing lies, a walk
    would come there by steps that double, and the last of them would read far more entries than are asked for. Sums are read by such steps too: first
    of months, then of the days of one."""
    for outer, inner in ((Span.YEAR, Span.MONTH), (Span.MONTH, Span.DAY)):
        found, size = set[date](), 1 if inner is Span.DAY else _MONTH_MAX
        start = (rules.first_day(outer, day) if descending else rules.first_day(inner, day)).toordinal()
        stop = (day if descending else _last_day(outer, day)).toordinal() + 1
        while not found and start < stop:
            low, high = (max(stop - size, start), stop) if descending else (start, min(start + size, stop))
            found = await _begins_of(org_id, wanted, inner, _between(low, high), session)
            start, stop = (start, low) if descending else (high, stop)
            size *= 2
        if not found:
            return day
        day = min(day, _last_day(inner, max(found))) if descending else max(day, min(found))
    return day


def _between(start: int, stop: int) -> dict[str, datetime]:
    """A condition on dates, by ordinals: from `start` to the day before `stop`."""
    low = pages.not_before(_midnight(date.fromordinal(start))) if start > date.min.toordinal() else {}
    return low | ({"$lt": _midnight(date.fromordinal(stop))} if stop <= date.max.toordinal() else {})


async def _begins_of(org_id: str, wanted: Entries, span: Span, days: dict[str, datetime], session: Session | None) -> set[date]:
    """The first days of the spans that have a kept sum."""
    query = {"org_id": org_id, "span": span.value, **({"date": days} if days else {})}
    rows = AccountSum.get_pymongo_collection().find(query, {"date": 1, "account_code": 1}, session=session)
    return {row["date"].date() async for row in rows if wanted.account_code in (None, row["account_code"])}


def _last_day(span: Span, day: date) -> date:
    return {Span.DAY: day, Span.MONTH: rules.last_of_month(day), Span.YEAR: date(day.year, 12, 31)}[span]


def _unsealed(org_id: str) -> dict[str, Any]:
    return {"org_id": org_id, "unsealed": True}


def _midnight(day: date) -> datetime:
    """As a date stands in MongoDB."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
