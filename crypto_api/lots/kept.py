"""Open lots as they are kept: at the beginnings of months, from which whatever is found late is computed anew, and as the books left them, from which
the next booking goes on.

A pool that is gone on from is one row, and beside it pages of its lots, in the order in which they are taken: a booking reads and writes the pages of
which it takes, and into which it puts, however many there are and however long the history is. The row says where each page begins.
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter

from crypto_api.lots import store
from crypto_api.lots.documents import LotCheckpoint
from crypto_api.lots.rules import POOLS, AveragePool, History, Pool, line_of, pool_of
from crypto_api.lots.types import Event, Kind, Lot, LotMethod, LotScope, Outcome, Page, PoolRow, Rule
from mongodb_config.unit_of_work import Session

PAGE_MAX, PAGE_AT_FIRST = 64, 32  # lots
_BY_FIRST = attrgetter("first")

# ---- checkpoints -----------------------------------------------------------------------------------------------------------------

LOTS_IN_A_CHECKPOINT_MAX = 50_000  # beyond, a document would be too large: then it is computed from an earlier one


def checkpoint_of(
    org_id: str, day: date, pools: Mapping[str, Pool], held: Mapping[str, int], short: Mapping[str, int], rules_version: int, now: datetime
) -> LotCheckpoint | None:
    """None when there are more lots than a document holds."""
    lots = {key: pool.open_lots() for key, pool in pools.items()}
    if sum(len(some) for some in lots.values()) > LOTS_IN_A_CHECKPOINT_MAX:
        return None
    return LotCheckpoint(
        id=f"{org_id}:{day.isoformat()}",
        created_at=now,
        org_id=org_id,
        day=day,
        pools=[(key, [lot_as_text(lot) for lot in some]) for key, some in sorted(lots.items()) if some],
        held=[(place, str(quantity)) for place, quantity in sorted(held.items()) if quantity],
        short=[(place, str(quantity)) for place, quantity in sorted(short.items()) if quantity],
        rules_version=rules_version,
    )


def pools_of(row: LotCheckpoint, method: LotMethod) -> dict[str, Pool]:
    return {key: POOLS[method]([lot_from_text(text) for text in lots]) for key, lots in row.pools}


def held_of(row: LotCheckpoint) -> dict[str, int]:
    return {place: int(quantity) for place, quantity in row.held}


def short_of(row: LotCheckpoint) -> dict[str, int]:
    return {place: int(quantity) for place, quantity in row.short or ()}


def lot_as_text(lot: Lot) -> str:
    """What is left of it becomes the lot: whatever was taken is past."""
    values = (lot.day, lot.long_from, lot.price, lot.quantity, lot.cost, lot.used, lot.spent, int(lot.known))
    return "\x1f".join((lot.ref, lot.order, *map(str, values)))


def lot_from_text(text: str) -> Lot:
    ref, order, *numbers = text.split("\x1f")
    day, long_from, price, quantity, cost, used, spent, known = map(int, numbers)
    lot = Lot(ref, order, day, long_from, price, quantity, cost, bool(known))
    lot.used, lot.spent = used, spent
    return lot


# ---- pools as they stand ---------------------------------------------------------------------------------------------------------


class OutOfOrder(Exception):
    """Something later has been taken from the pool already, or is in a checkpoint, or another rule holds on that day: the lots are to be worked
    through anew from there."""


Lots = Mapping[str, str]
"""Text by line."""

Read = Callable[[str, Collection[int]], Awaitable[Mapping[int, Sequence[str]]]]
"""Pages of a pool."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A pool as it was read: of its pages as many as are needed."""

    row: PoolRow
    pages: Mapping[int, Lots]

    @property
    def lots(self) -> dict[str, str]:
        return {line: text for page in self.pages.values() for line, text in page.items()}


@dataclass(slots=True)
class _Standing:
    pool: Pool
    last: str
    taken: str
    touched: bool = False


class Books:
    """Goes on from pools as they were read, in memory."""

    def __init__(self, rule: Rule, since: int, until: int, kept: Mapping[str, Kept]) -> None:
        """`since`: the first day behind which there is no checkpoint. `until`: the day on which another rule begins."""
        self.rule, self._since, self._until, self._kept = rule, max(since, rule.start), until, kept
        self._pools = {key: _standing(row) for key, row in kept.items()}
        self._history = History([rule], {key: one.pool for key, one in self._pools.items()})

    def apply(self, event: Event) -> Outcome:
        """As a `History` of everything would. OutOfOrder, with nothing changed."""
        if not self._since <= event.day < self._until:
            raise OutOfOrder
        source, target = touched(event, self.rule.scope)
        if (source and event.order <= self._pools[source].last) or (target and event.order <= self._pools[target].taken):
            raise OutOfOrder
        for key in filter(None, (source, target)):
            self._pools[key].last, self._pools[key].touched = max(self._pools[key].last, event.order), True
        if source:
            self._pools[source].taken = event.order
        return self._history.apply(event)

    def pool(self, key: str) -> Pool:
        return self._pools[key].pool

    async def changes(self, read: Read) -> "PoolChanges":
        """What became of the pools."""
        changes = PoolChanges()
        for key, one in self._pools.items():
            if one.touched:
                kept, lots = self._kept[key], lines_of(one.pool)
                beside = pages_of(self.rule.method, await read(key, unread(kept, lots)))
                whole = Kept(kept.row, {**kept.pages, **beside})
                changes.put(whole, one.pool, one.last, one.taken, lots | {line: text for page in beside.values() for line, text in page.items()})
        return changes


def touched(event: Event, scope: LotScope) -> tuple[str, str]:
    """(the pool out of which it takes, the one into which it puts); empty: none."""
    here = pool_of(event.place, scope)
    if event.kind is Kind.ACQUIRE:
        return "", here
    if event.kind is Kind.DISPOSE:
        return here, ""
    there = pool_of(event.target, scope)
    return ("", "") if here == there else (here, there)


async def read_pools(rows: Mapping[str, PoolRow], rule: Rule, wanted: Mapping[str, int], read: Read) -> dict[str, Kept]:
    """`wanted`: the pools, and how much is taken out of each: the pages that hold it, and no more."""
    found = {}
    for key, quantity in wanted.items():
        row = rows.get(key) or PoolRow(key, rule.method, "", "")
        found[key] = Kept(row, await _first_pages(row, quantity, read))
    return found


async def _first_pages(row: PoolRow, quantity: int, read: Read) -> dict[int, Lots]:
    found: dict[int, Lots] = {}
    numbers = [page.number for page in row.pages]
    if row.method is LotMethod.LIFO:
        numbers.reverse()
    at, some = 0, 1
    while quantity > 0 and at < len(numbers):
        texts = await read(row.key, numbers[at : at + some])
        found |= pages_of(row.method, texts)
        quantity -= sum(lot_from_text(text).left for page in texts.values() for text in page)
        at, some = at + some, some * 2
    return found


def _standing(kept: Kept) -> _Standing:
    row = kept.row
    pool = POOLS[row.method]([lot_from_text(text) for text in kept.lots.values()])
    if isinstance(pool, AveragePool):
        pool.resume(row.quantity, row.cost)
    return _Standing(pool, row.last, row.taken)


def pages_of(method: LotMethod, texts: Mapping[int, Sequence[str]]) -> dict[int, Lots]:
    return {number: {line_of(method, lot_from_text(text)): text for text in page} for number, page in texts.items()}


def in_line(row: PoolRow, texts: Mapping[int, Sequence[str]]) -> list[tuple[str, str]]:
    """Lines and texts of all pages, as they follow one another; those of a page that the row does not name last."""
    pages = pages_of(row.method, texts)
    numbers = [page.number for page in row.pages if page.number in pages]
    return [one for number in (*numbers, *(pages.keys() - set(numbers))) for one in sorted(pages[number].items())]


def _place(pages: Sequence[Page], line: str) -> int:
    """On which page it stands."""
    return pages[max(bisect_right(pages, line, key=_BY_FIRST) - 1, 0)].number


def unread(kept: Kept, lots: Iterable[str]) -> set[int]:
    """The pages on which some of the lines stand, and that were not read."""
    pages = kept.row.pages
    return {_place(pages, line) for line in lots} - kept.pages.keys() if pages else set()


def arranged(kept: Kept, lots: Lots) -> tuple[tuple[Page, ...], dict[int, list[str]]]:
    """Pages, and what stands anew on which. `lots`: of every page that was read. One that is too long becomes several; one without a lot goes."""
    pages, number = list(kept.row.pages) or [Page(0, "")], max((page.number for page in kept.row.pages), default=0)
    filled: dict[int, list[str]] = {page: [] for page in kept.pages}
    for line in sorted(lots):
        filled.setdefault(_place(pages, line), []).append(line)
    written: dict[int, list[str]] = {}
    for page in list(pages):
        lines = filled.get(page.number)
        if lines is None or {line: lots[line] for line in lines} == kept.pages.get(page.number):
            continue
        at = pages.index(page)
        parts = -(-len(lines) // PAGE_AT_FIRST) if len(lines) > PAGE_MAX else min(len(lines), 1)
        split = [lines[len(lines) * part // parts : len(lines) * (part + 1) // parts] for part in range(parts)]
        heads = [page, *(Page(number + more, part[0]) for more, part in enumerate(split[1:], 1))] if split else []
        number += max(len(heads) - 1, 0)
        pages[at : at + 1] = heads
        written |= {head.number: [lots[line] for line in part] for head, part in zip(heads, split, strict=True)} or {page.number: []}
    return tuple(pages), written


def lines_of(pool: Pool) -> dict[str, str]:
    """Its lots, by where they stand, as text."""
    return {line_of(pool.method, lot): _text_in(pool, lot) for lot in pool.standing()}


def _text_in(pool: Pool, lot: Lot) -> str:
    """What lots of an average cost is the pool's."""
    if not isinstance(pool, AveragePool):
        return lot_as_text(lot)
    return lot_as_text(Lot(lot.ref, lot.order, lot.day, lot.long_from, lot.price, lot.left, 0, lot.known))


def sums_of(pool: Pool) -> tuple[int, int]:
    return pool.sums if isinstance(pool, AveragePool) else (0, 0)


@dataclass
class PoolChanges:
    """What is to be written."""

    pools: list[PoolRow] = field(default_factory=list)
    pages: dict[tuple[str, int], list[str]] = field(default_factory=dict)  # by pool and number

    def put(self, kept: Kept, pool: Pool, last: str, taken: str, lots: Lots) -> None:
        """`lots`: of every page that was read."""
        key = kept.row.key
        pages, written = arranged(kept, lots)
        self.pools.append(PoolRow(key, pool.method, last, taken, *sums_of(pool), pages))
        self.pages |= {(key, number): texts for number, texts in written.items()}

    def drop(self, key: str, numbers: Iterable[int]) -> None:
        self.pages |= {(key, number): [] for number in numbers}


async def replace_pools(
    session: Session, org_id: str, versions: Mapping[str, int], pools: Mapping[str, Pool], marks: Mapping[str, tuple[str, str]], now: datetime
) -> bool:
    """`pools` stand for whatever was kept. False, and nothing done, where something was booked by the lots since `versions` were read. Every
    row that stays is written, so that a booking at the same moment conflicts."""
    rows = await store.lot_pools(org_id, session)
    if {key: row.version for key, row in rows.items()} != dict(versions):
        return False
    before, changes = await store.all_lot_pages(org_id, session), PoolChanges()
    for key, texts in before.items():
        if key not in pools or rows[key].method is not pools[key].method:
            changes.drop(key, texts)
    for key, pool in sorted(pools.items()):
        row = rows.get(key)
        if row is None or row.method is not pool.method:
            changes.put(Kept(PoolRow(key, pool.method, "", ""), {}), pool, *marks[key], lines_of(pool))
        else:
            changes.put(Kept(row, pages_of(pool.method, before.get(key, {}))), pool, *marks[key], lines_of(pool))
    await store.delete_pools(session, org_id, rows.keys() - pools.keys())
    await store.write_pools(session, org_id, changes.pools, changes.pages, now)
    return True


class Marks:
    """How far each pool has come, while a history is worked through."""

    def __init__(self, floor: str, known: Mapping[str, tuple[str, str]]) -> None:
        """`known`: of pools that nothing happens to. `floor`: later than whatever happened to those that are not known."""
        self._floor, self._known = floor, known
        self._found: dict[str, tuple[str, str]] = {}

    def note(self, event: Event, scope: LotScope) -> None:
        source, target = touched(event, scope)
        if target:
            self._found[target] = event.order, self.of(target)[1]
        if source:
            self._found[source] = event.order, event.order

    def begin(self, day: date) -> None:
        """Another rule: lots lie in other pools."""
        self._floor, self._known, self._found = before_day(day), {}, {}

    def of(self, key: str) -> tuple[str, str]:
        return self._found.get(key) or self._known.get(key) or (self._floor, self._floor)


def before_day(day: date) -> str:
    """Later in the order than everything before that day, in whatever time zone; and than some of it, which then is out of order."""
    return f"{day.isoformat()}T~"
