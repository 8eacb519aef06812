"""What the books say about lots: every standing entry that moves an asset, as events in their order.

The lines are enough: a line of an asset on an account of places (1100, 1110) is followed by why it moved. Two of them in a row are a transfer or
a change of form, one with its contra line an acquisition or a disposal; what a disposal realised stands behind it. Time, place in the block and the
price before fees come from the transaction. What has only a date counts from the beginning of that day when it comes in, and at its end when it goes
out.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from crypto_api.kit.amounts import add_exactly, multiply, to_raw
from crypto_api.ledger.documents import AccountBalance, JournalEntry
from crypto_api.ledger.rules import less
from crypto_api.ledger.types import AccountCode, EntryDraft, EntryStatus, Line, SourceKind
from crypto_api.lots.rules import PRICE_PLACES, price_of
from crypto_api.lots.types import QUANTITY_PLACES, VALUE_PLACES, Event, Kind, LotEvents, Told
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import FEES, Direction, Movement
from mongodb_config.unit_of_work import Session

PLACES = frozenset({AccountCode.CRYPTO, AccountCode.CUSTODY})
RESULTS = frozenset({AccountCode.GAINS, AccountCode.LOSSES})
_SHOWN = ("lines", "date", "original_date", "unpriced", "transaction_id", "source_kind")
_BATCH = 1000
_PRICE_UNIT = Decimal(10) ** PRICE_PLACES


@dataclass(frozen=True, slots=True)
class Entry:
    """What of an entry concerns lots."""

    id: str
    day: date
    lines: Sequence[Line]
    unpriced: bool
    transaction_id: str | None
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """What of a movement concerns lots: its worth before fees."""

    key: tuple[str, str, bool]  # wallet, asset, coming in
    amount: Decimal
    value: Decimal | None
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry stands in time: of a transaction."""

    at: datetime
    block: int
    index: int
    hash: str
    network: str
    moved: Sequence[Moved]


async def read_lot_events(org_id: str, time_zone: str, session: Session | None = None, *, since: date | None = None) -> LotEvents:
    """Of every entry that stands, or of those that happened on the day `since` or later. Costs grow with the entries of those days that move assets,
    and their transactions; of the others nothing is read."""
    zone, found = ZoneInfo(time_zone), LotEvents([], {})
    async for entries in _entries(org_id, session, since):
        origins = await origins_of(org_id, entries, session)
        for event, told in (one for entry in entries for one in events_of(entry, origins.get(entry.transaction_id or ""), zone)):
            if since is None or event.day >= since.toordinal():  # what arrived late is dated later than it happened
                found.events.append(event)
                found.told[event.ref] = told
    found.events.sort(key=lambda event: event.order)
    return found


async def _entries(org_id: str, session: Session | None, since: date | None) -> AsyncIterator[list[Entry]]:
    """Those that stand and move assets, in batches."""
    query: dict[str, Any] = {"org_id": org_id, "status": EntryStatus.POSTED, "reverses": None, "lines.account_code": {"$in": sorted(PLACES)}}
    if since is not None:  # by the fields of one index alone: more of them would let the embedded server walk through every entry
        query = {"org_id": org_id, "date": {"$gte": datetime(since.year, since.month, since.day, tzinfo=UTC)}}
    shown, found = dict.fromkeys((*_SHOWN, "status", "reverses"), 1), list[Entry]()
    async for row in JournalEntry.get_pymongo_collection().find(query, shown, session=session, batch_size=_BATCH):
        if row["status"] == EntryStatus.POSTED and row["reverses"] is None and any(line["account_code"] in PLACES for line in row["lines"]):
            found.append(_entry(row))
        if len(found) == _BATCH:
            yield found
            found = []
    yield found


async def origins_of(org_id: str, entries: Sequence[Entry], session: Session | None = None) -> dict[str, Origin]:
    """By transaction."""
    wanted = [entry.transaction_id for entry in entries if entry.transaction_id is not None]
    return {row_id: origin async for row_id, origin in _origins(org_id, wanted, session)} if wanted else {}


async def _origins(org_id: str, row_ids: Sequence[str], session: Session | None) -> AsyncIterator[tuple[str, Origin]]:
    shown = ("timestamp", "block_number", "index", "hash", "network", "movements")
    query = {"_id": {"$in": sorted(set(row_ids))}, "org_id": org_id}
    async for row in Transaction.get_pymongo_collection().find(query, dict.fromkeys(shown, 1), session=session, batch_size=_BATCH):
        moved = [one for movement in sorted(row["movements"], key=lambda part: part["kind"] not in FEES) for one in _moved(movement)]
        yield row["_id"], Origin(row["timestamp"].replace(tzinfo=UTC), row["block_number"], row["index"], row["hash"], row["network"], moved)


def _moved(movement: Mapping[str, Any]) -> Iterator[Moved]:
    if movement["amount"] is None or movement["direction"] == Direction.INTERNAL:
        return
    value, rate = (None if movement[name] is None else movement[name].to_decimal() for name in ("value", "rate"))
    key = (movement["wallet_id"], movement["asset"], movement["direction"] == Direction.IN)
    yield Moved(key, movement["amount"].to_decimal(), value, rate)


# ---- what is about to be posted --------------------------------------------------------------------------------------------------


def entry_of(draft: EntryDraft) -> Entry:
    """As it will be read once it is posted."""
    assert draft.id is not None
    return Entry(draft.id, draft.date, draft.lines, draft.unpriced, draft.transaction_id, draft.source.kind is SourceKind.MANUAL)


def origin_of(row: Transaction, movements: Sequence[Movement]) -> Origin:
    """With the movements that it will have. A database keeps milliseconds."""
    at = row.timestamp.astimezone(UTC)
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    moved = [
        Moved((part.wallet_id, part.asset, part.direction is Direction.IN), part.amount, part.value, part.rate)
        for part in sorted(movements, key=lambda part: part.kind not in FEES)
        if part.amount is not None and part.direction is not Direction.INTERNAL
    ]
    return Origin(at, row.block_number, row.index, row.hash, row.network, moved)


def _entry(row: Mapping[str, Any]) -> Entry:
    lines = [Line.model_construct(**_line(line)) for line in row["lines"]]
    return Entry(
        row["_id"],
        (row.get("original_date") or row["date"]).date(),
        lines,
        row["unpriced"],
        row["transaction_id"],
        row["source_kind"] == SourceKind.MANUAL,
    )


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    amounts = {name: line[name].to_decimal() if line[name] is not None else None for name in ("debit", "credit", "quantity")}
    return {**line, **amounts}


# ---- one entry -------------------------------------------------------------------------------------------------------------------


def events_of(entry: Entry, origin: Origin | None, zone: ZoneInfo) -> Iterator[tuple[Event, Told]]:
    """What its lines do with assets, in their order."""
    reader = _Reader(entry, origin, zone)
    lines, at = entry.lines, 0
    while at < len(lines):
        if not _moves(lines[at]):
            at += 1
            continue
        following = lines[at + 1] if at + 1 < len(lines) else None
        if following is not None and _is_transfer(lines[at], following):
            yield reader.transfer(lines[at], following)
            at += 2
            continue
        end = at + 1
        while end < len(lines) and not _moves(lines[end]):
            end += 1
        yield reader.change(lines[at], lines[at + 1 : end])
        at = end


def _moves(line: Line) -> bool:
    """Something comes into a place or leaves it."""
    return line.account_code in PLACES and line.asset is not None and bool(line.quantity)


def _is_cost(line: Line, of: Line) -> bool:
    """What lots of all wallets cost more, or less, than the wallet's average."""
    return line.account_code in PLACES and line.asset == of.asset and not line.quantity


def _is_transfer(first: Line, second: Line) -> bool:
    if not _moves(second) or first.quantity != (second.quantity or Decimal(0)).copy_negate():
        return False
    return first.asset == second.asset or (first.quantity < 0 and first.credit == second.debit)


class _Reader:
    def __init__(self, entry: Entry, origin: Origin | None, zone: ZoneInfo) -> None:
        self._entry, self._origin, self._zone, self._number = entry, origin, zone, 0
        self._moved = list(origin.moved) if origin is not None else []

    def transfer(self, first: Line, second: Line) -> tuple[Event, Told]:
        source, target = (first, second) if (first.quantity or 0) < 0 else (second, first)
        event, told = self._event(Kind.MOVE, source, "", target=place_of(target))
        return event, replace(told, target_account_code=target.account_code, target_wallet_id=target.wallet_id, target_asset=target.asset or "")

    def change(self, line: Line, behind: Sequence[Line]) -> tuple[Event, Told]:
        """`behind` are the lines up to the next that moves something."""
        contra = next((one for one in behind if one.asset == line.asset and one.quantity and line.quantity == one.quantity.copy_negate()), None)
        moved = self._take(line)
        if (line.quantity or 0) > 0:
            return self._acquisition(line, contra, moved, behind)
        return self._disposal(line, contra, moved, behind)

    def _acquisition(self, line: Line, contra: Line | None, moved: Moved | None, behind: Sequence[Line]) -> tuple[Event, Told]:
        cost, quantity = line.debit, line.quantity or Decimal(0)
        worth = contra.debit + contra.credit if contra is not None else moved.value if moved is not None and moved.value is not None else cost
        unknown = self._entry.unpriced and not cost and (moved is None or moved.value is None)
        rate = moved.rate if moved is not None else None
        price = int(multiply(rate, _PRICE_UNIT)) if rate is not None else price_of(_money(worth), _units(quantity))
        money = {} if unknown else {"value": _money(worth), "fee": _money(cost) - _money(worth), "price": price}
        return self._event(Kind.ACQUIRE, line, _reason(contra, behind), **money)

    def _disposal(self, line: Line, contra: Line | None, moved: Moved | None, behind: Sequence[Line]) -> tuple[Event, Told]:
        """What was received is what it cost and what it realised."""
        realised = add_exactly([less(one.credit, one.debit) for one in behind if one.account_code in RESULTS])
        cost = add_exactly([line.credit, *(less(one.credit, one.debit) for one in behind if _is_cost(one, line))])
        proceeds = add_exactly([cost, realised])
        worth = contra.debit + contra.credit if contra is not None else moved.value if moved is not None and moved.value is not None else proceeds
        unpriced = self._entry.unpriced and not realised and (moved is None or moved.value is None)
        money = {} if unpriced else {"value": _money(worth), "fee": _money(worth) - _money(proceeds)}
        event, told = self._event(Kind.DISPOSE, line, _reason(contra, behind), **money)
        return event, replace(told, realised=realised, booked_cost=cost)

    def _take(self, line: Line) -> Moved | None:
        """The movement that this line is of: the first of its wallet, asset and direction that no line has taken."""
        key = (line.wallet_id, line.asset, (line.quantity or 0) > 0)
        for at, moved in enumerate(self._moved):
            if moved.key == key and moved.amount == (line.quantity or Decimal(0)).copy_abs():
                return self._moved.pop(at)
        return None

    def _event(self, kind: Kind, line: Line, contra: str, **money: Any) -> tuple[Event, Told]:
        entry, origin = self._entry, self._origin
        ref, self._number = f"{entry.id}:{self._number}", self._number + 1
        at = origin.at if origin is not None else _moment_of(entry.day, self._zone, kind)
        quantity = (line.quantity or Decimal(0)).copy_abs()
        event = Event(ref, self._order(at, kind), self._day(at), kind, place_of(line), _units(quantity), **money)
        told = Told(
            at,
            entry.id,
            entry.transaction_id,
            origin.hash if origin is not None else "",
            origin.network if origin is not None else "",
            line.account_code,
            line.wallet_id,
            line.asset or "",
            contra,
            line.credit,
            Decimal(0),
            origin is None,
            entry.day,
        )
        return event, told

    def _order(self, at: datetime, kind: Kind) -> str:
        """Time, block, index, place in the entry. What is in no block comes in before it goes out."""
        origin = self._origin
        block, index = (origin.block, origin.index) if origin is not None and origin.block >= 0 else (-1, 0)
        rank = _RANK[kind] if block < 0 else 0
        return f"{at:%Y-%m-%dT%H:%M:%S.%f}|{block + 1:010}|{index:06}|{rank}|{self._entry.id}|{self._number:04}"

    def _day(self, at: datetime) -> int:
        return (self._entry.day if self._origin is None else at.astimezone(self._zone).date()).toordinal()


_RANK = {Kind.ACQUIRE: 0, Kind.MOVE: 1, Kind.DISPOSE: 2}


def _moment_of(day: date, zone: ZoneInfo, kind: Kind) -> datetime:
    if kind is Kind.ACQUIRE:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC) - timedelta(microseconds=1)


def _reason(contra: Line | None, behind: Sequence[Line]) -> str:
    if contra is not None:
        return contra.account_code
    return next((line.account_code for line in behind if line.account_code not in RESULTS | PLACES), "")


def place_of(line: Line) -> str:
    return f"{line.account_code}|{line.wallet_id or '-'}|{line.asset}"


def place_of_balance(row: AccountBalance) -> str:
    return f"{row.account_code}|{row.wallet_id or '-'}|{row.asset}"


def _units(quantity: Decimal) -> int:
    return to_raw(quantity, QUANTITY_PLACES)


def _money(value: Decimal) -> int:
    return to_raw(value, VALUE_PLACES)
