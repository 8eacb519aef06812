"""Open lots as they are kept: at the beginnings of months, from which whatever is found late is computed anew, and as the books left them, from which
the next booking goes on.

A pool that is gone on from is one row, and a row for each of its lots, in the order in which they are taken: what a booking reads and writes are the
lots that it takes, however many there are and however long the history is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from crypto_api.lots import store
from crypto_api.lots.documents import LotCheckpoint
from crypto_api.lots.rules import POOLS, AveragePool, History, Pool, line_of, pool_of
from crypto_api.lots.types import Event, Kind, Lot, LotMethod, LotRow, LotScope, Outcome, PoolRow, Rule
from mongodb_config.unit_of_work import Session

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


@dataclass(frozen=True, slots=True)
class Kept:
    """A pool as it was read: of its lots as many as are needed."""

    row: PoolRow | None
    lots: Mapping[str, str]  # line → text


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
        self._pools = {key: _standing(rule.method, row) for key, row in kept.items()}
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

    async def write(self, session: Session, org_id: str, now: datetime) -> None:
        """What became of the pools."""
        changes = self.changes()
        await store.write_pools(session, org_id, changes.pools, changes.gone, changes.changed, now)

    def changes(self) -> "PoolChanges":
        changes = PoolChanges()
        for key, one in self._pools.items():
            if one.touched:
                changes.pool(key, one.pool, one.last, one.taken)
                changes.lots(key, self._kept[key].lots, lines_of(one.pool))
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


async def read_pools(session: Session, org_id: str, rule: Rule, wanted: Mapping[str, int]) -> dict[str, Kept]:
    """`wanted`: the pools, and how much is taken out of each: the lots that hold it, and no more. Costs grow with those alone."""
    rows = await store.lot_pools(org_id, session, wanted.keys())
    found = {}
    for key, quantity in wanted.items():
        row = rows.get(key)
        found[key] = Kept(row, await _first_lots(session, org_id, key, rule.method, quantity) if row is not None and quantity else {})
    return found


_LOTS_FIRST, _LOTS_MAX = 8, 1024


async def _first_lots(session: Session, org_id: str, key: str, method: LotMethod, quantity: int) -> dict[str, str]:
    found: dict[str, str] = {}
    after, limit, backwards = "", _LOTS_FIRST, method is LotMethod.LIFO
    while quantity > 0:
        some = await store.lots_in_line(session, org_id, key, after, limit, backwards=backwards)
        for one in some:
            found[one.line] = one.lot
            quantity -= lot_from_text(one.lot).left
        if len(some) < limit:
            break
        after, limit = some[-1].line, min(limit * 8, _LOTS_MAX)
    return found


def _standing(method: LotMethod, kept: Kept) -> _Standing:
    pool = POOLS[method]([lot_from_text(text) for text in kept.lots.values()])
    if kept.row is None:
        return _Standing(pool, "", "")
    if isinstance(pool, AveragePool):
        pool.resume(kept.row.quantity, kept.row.cost)
    return _Standing(pool, kept.row.last, kept.row.taken)


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
    gone: list[tuple[str, str]] = field(default_factory=list)  # lots, by pool and line
    changed: list[LotRow] = field(default_factory=list)  # and new ones

    def pool(self, key: str, pool: Pool, last: str, taken: str) -> None:
        self.pools.append(PoolRow(key, last, taken, *sums_of(pool)))

    def lots(self, key: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        self.gone += [(key, line) for line in sorted(before.keys() - after.keys())]
        self.changed += [LotRow(key, line, after[line]) for line in sorted(after) if before.get(line) != after[line]]


async def replace_pools(
    session: Session, org_id: str, versions: Mapping[str, int], pools: Mapping[str, Pool], marks: Mapping[str, tuple[str, str]], now: datetime
) -> bool:
    """`pools` stand for whatever was kept. False, and nothing done, where something was booked by the lots since `versions` were read. Every
    row that stays is written, so that a booking at the same moment conflicts."""
    rows = await store.lot_pools(org_id, session)
    if {key: row.version for key, row in rows.items()} != dict(versions):
        return False
    before, changes = await store.all_lots(org_id, session), PoolChanges()
    for key in sorted(pools.keys() | before.keys()):
        if key in pools:
            changes.pool(key, pools[key], *marks[key])
        changes.lots(key, before.get(key, {}), lines_of(pools[key]) if key in pools else {})
    await store.delete_pools(session, org_id, rows.keys() - pools.keys())
    await store.write_pools(session, org_id, changes.pools, changes.gone, changes.changed, now)
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
