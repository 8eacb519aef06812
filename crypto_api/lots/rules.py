"""Lots: what a disposal takes of what was acquired before. Exact integers, no clock, no database.

    acquire ─▶ pool of open lots ─▶ dispose: parts of lots, in the order of the method
                                 └▶ move: the same parts, into another pool, with cost and time of acquisition

A lot gives its cost away in proportion, cut to whole units against what it gave before: what a lot cost and what its parts cost are equal to the last
unit. Proceeds are shared among the parts of one disposal by largest remainder, with the same effect.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from heapq import heappop, heappush
from operator import attrgetter

from crypto_api.lots.types import QUANTITY_PLACES, VALUE_PLACES, Disposed, Event, Kind, Lot, LotMethod, LotScope, Moved, Outcome, Portion, Rule, Taken

PRICE_PLACES = 24
_PRICE_SCALE: int = 10 ** (PRICE_PLACES + QUANTITY_PLACES - VALUE_PLACES)
_RANK_DIGITS = 96  # of the price of the least quantity at the greatest value, and some more
_RANK_MAX = 10**_RANK_DIGITS - 1
_BY_ORDER = attrgetter("order")
new = tuple.__new__  # of a NamedTuple: half of what its own constructor costs
_DAYS_OF_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def price_of(value: int, quantity: int) -> int:
    """The rank of a lot: what a unit was worth before fees, finer than any rounding of the value."""
    return value * _PRICE_SCALE // quantity


# ---- time ------------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def long_from(acquired: int, months: int) -> int:
    """The first day (an ordinal) on which a disposal is long-term: the day after the period of `months` ended. The day of acquisition does not
    count; a period that began at the end of a month ends at the end of one (Rev. Rul. 66-7, 1966-1 C.B. 188)."""
    day = date.fromordinal(acquired)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = _days_in(year, month + 1)
    at_end = day.day == _days_in(day.year, day.month)
    return date(year, month + 1, last if at_end else min(day.day, last)).toordinal() + 1


def _days_in(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if leap else _DAYS_OF_MONTH[month - 1]


# ---- pools -----------------------------------------------------------------------------------------------------------------------


class Pool:
    """Open lots of an asset in the order of their acquisition; takes the earliest first."""

    method = LotMethod.FIFO

    def __init__(self, lots: Iterable[Lot] = ()) -> None:
        self._lots = sorted(lots, key=_BY_ORDER)
        self._first = 0  # whatever stands before it is used up

    def open_lots(self) -> list[Lot]:
        """In the order of acquisition."""
        return self.standing()

    def standing(self) -> list[Lot]:
        """The lots themselves, as they are."""
        return self._lots[self._first :]

    def acquire(self, lot: Lot) -> None:
        lots = self._lots
        if lots and lot.order < lots[-1].order:  # it was carried here, or was found late
            insort(lots, lot, lo=self._first, key=_BY_ORDER)
        else:
            lots.append(lot)

    def take(self, quantity: int) -> tuple[list[Taken], int]:
        """Parts of lots, and how much is missing."""
        taken: list[Taken] = []
        lots, at = self._lots, self._first
        end = len(lots)
        while quantity and at < end:
            lot = lots[at]
            left = lot.quantity - lot.used
            if quantity < left:
                taken.append(_some(lot, quantity))
                quantity = 0
                break
            taken.append(_rest(lot, left))
            quantity -= left
            at += 1
        self._first = at
        if at > 1000 and at * 2 > end:
            del lots[:at]
            self._first = 0
        return taken, quantity

    def dispose(self, quantity: int, proceeds: int | None, day: int) -> Disposed:
        """`proceeds` are net of fees; None: nobody knows what it was worth."""
        taken, missing = self.take(quantity)
        shares: Sequence[int | None] = (proceeds,) if len(taken) == 1 and not missing else _shares(proceeds, quantity, taken)
        portions = []
        for (lot, part, cost), share in zip(taken, shares, strict=True):
            if lot.known:
                gain = None if share is None else share - cost
                portions.append(new(Portion, (lot, part, share, cost, gain, day >= lot.long_from)))
            else:
                portions.append(new(Portion, (lot, part, share, None, None, day >= lot.long_from)))
        if not missing:
            return new(Disposed, (portions, 0, 0))
        return Disposed(portions, missing, None if proceeds is None else proceeds - sum(share or 0 for share in shares))


class LastInPool(Pool):
    method = LotMethod.LIFO

    def take(self, quantity: int) -> tuple[list[Taken], int]:
        taken: list[Taken] = []
        lots = self._lots
        while quantity and lots:
            lot = lots[-1]
            left = lot.quantity - lot.used
            if quantity < left:
                taken.append(_some(lot, quantity))
                return taken, 0
            taken.append(_rest(lot, left))
            quantity -= left
            lots.pop()
        return taken, quantity


class HighestInPool(Pool):
    method = LotMethod.HIFO

    def __init__(self, lots: Iterable[Lot] = ()) -> None:
        super().__init__()
        self._heap: list[tuple[int, str, Lot]] = []
        for lot in lots:
            self.acquire(lot)

    def standing(self) -> list[Lot]:
        return sorted((lot for _, _, lot in self._heap), key=_BY_ORDER)

    def acquire(self, lot: Lot) -> None:
        heappush(self._heap, (-lot.price, lot.order, lot))

    def take(self, quantity: int) -> tuple[list[Taken], int]:
        taken: list[Taken] = []
        heap = self._heap
        while quantity and heap:
            lot = heap[0][2]
            left = lot.quantity - lot.used
            if quantity < left:
                taken.append(_some(lot, quantity))
                return taken, 0
            taken.append(_rest(lot, left))
            quantity -= left
            heappop(heap)
        return taken, quantity


class AveragePool(Pool):
    """Lots say since when something is held; what it costs is the pool's, in proportion to quantity. A lot without a known cost stays outside of the
    average: nothing is guessed for it."""

    method = LotMethod.AVERAGE

    def __init__(self, lots: Iterable[Lot] = ()) -> None:
        super().__init__(lots)
        known = [lot for lot in self._lots if lot.known]
        self._quantity = sum(lot.left for lot in known)
        self._cost = sum(lot.cost_left for lot in known)

    @property
    def sums(self) -> tuple[int, int]:
        """Quantity of the lots of known cost, and what they cost together."""
        return self._quantity, self._cost

    def resume(self, quantity: int, cost: int) -> None:
        """Where its lots are only the first of those that there are."""
        self._quantity, self._cost = quantity, cost

    def open_lots(self) -> list[Lot]:
        """With what each costs at the average: shares that sum to what the pool costs."""
        lots = self.standing()
        known = [lot for lot in lots if lot.known]
        for lot, cost in zip(known, _shares(self._cost, self._quantity, [Taken(lot, lot.left, 0) for lot in known]), strict=True):
            lot.quantity, lot.cost, lot.used, lot.spent = lot.left, cost or 0, 0, 0
        return lots

    def acquire(self, lot: Lot) -> None:
        if lot.known:
            self._quantity += lot.left
            self._cost += lot.cost_left
        super().acquire(lot)

    def take(self, quantity: int) -> tuple[list[Taken], int]:
        taken, missing = super().take(quantity)
        return [self._at_average(part) for part in taken], missing

    def _at_average(self, part: Taken) -> Taken:
        if not part.lot.known:
            return part
        cost = self._cost if part.quantity == self._quantity else _half_even(self._cost * part.quantity, self._quantity)
        self._quantity -= part.quantity
        self._cost -= cost
        return Taken(part.lot, part.quantity, cost)


POOLS: dict[LotMethod, type[Pool]] = {kind.method: kind for kind in (Pool, LastInPool, HighestInPool, AveragePool)}


def line_of(method: LotMethod, lot: Lot) -> str:
    """Where a lot stands among those of its pool, by a text that sorts as they are taken; where the last in is the first out, backwards."""
    return lot.order if method is not LotMethod.HIFO else f"{_RANK_MAX - lot.price:0{_RANK_DIGITS}}|{lot.order}"


def _half_even(value: int, by: int) -> int:
    """As the books round a cost."""
    whole, rest = divmod(value, by)
    return whole + (rest * 2 > by or (rest * 2 == by and whole % 2 == 1))


def _some(lot: Lot, quantity: int) -> Taken:
    """A part of what is left of it."""
    lot.used = used = lot.used + quantity
    spent = lot.cost * used // lot.quantity
    cost = spent - lot.spent
    lot.spent = spent
    return new(Taken, (lot, quantity, cost))


def _rest(lot: Lot, left: int) -> Taken:
    """All that is left of it."""
    cost = lot.cost - lot.spent
    lot.used, lot.spent = lot.quantity, lot.cost
    return new(Taken, (lot, left, cost))


def _shares(total: int | None, whole: int, parts: Sequence[Taken]) -> Sequence[int | None]:
    """`total` in proportion to the quantities of `parts` of `whole`, by largest remainder: where the parts make the whole, the shares sum to the
    total."""
    if total is None:
        return [None] * len(parts)
    shares, rests = [], []
    for _, quantity, _ in parts:
        share, rest = divmod(total * quantity, whole)
        shares.append(share)
        rests.append(rest)
    over = sum(rests) // whole if rests else 0  # whole units that were cut off
    if over:
        for at in sorted(range(len(rests)), key=rests.__getitem__, reverse=True)[:over]:
            shares[at] += 1
    return shares


# ---- a history -------------------------------------------------------------------------------------------------------------------


class History:
    """Works through events in their order, each by the rule in force on its day."""

    def __init__(
        self,
        rules: Sequence[Rule],
        pools: dict[str, Pool] | None = None,
        held: dict[str, int] | None = None,
        short: dict[str, int] | None = None,
    ) -> None:
        """`rules` in the order of their start; the first holds before its start too. With `pools`, `held` and `short` it goes on from there."""
        self._rules = list(rules)
        self._rule = self._rules[0]
        self._next = 1
        self._switch = self._rules[1].start if len(self._rules) > 1 else _NEVER
        self.pools: dict[str, Pool] = {} if pools is None else pools
        self._by_place: dict[str, Pool] = {}  # until another rule begins
        self.held: dict[str, int] = {} if held is None else held
        """Place → quantity: below zero where an acquisition is missing."""
        self.short: dict[str, int] = {} if short is None else short
        """Place → how far below zero it ever stood: so much came there, at least, that nobody told of."""

    def begin(self, day: int) -> None:
        """Everything that holds before `day` begins."""
        while self._switch < day:
            self._change_rule()

    def apply(self, event: Event) -> Outcome:
        """What it took. The events before it have been applied."""
        while event.day >= self._switch:
            self._change_rule()
        kind, place, quantity = event.kind, event.place, event.quantity
        if kind is Kind.ACQUIRE:
            self.held[place] = self.held.get(place, 0) + quantity
            self._pool(place).acquire(lot_of(event, self._rule.months))
            return None
        self.held[place] = left = self.held.get(place, 0) - quantity
        if left < 0 and -left > self.short.get(place, 0):
            self.short[place] = -left
        if kind is Kind.DISPOSE:
            proceeds = None if event.value is None else event.value - event.fee
            return self._pool(place).dispose(quantity, proceeds, event.day)
        self.held[event.target] = self.held.get(event.target, 0) + quantity
        return self._move(event)

    def _move(self, event: Event) -> Moved:
        source, target = self._pool(event.place), self._pool(event.target)
        if source is target:
            return Moved([], 0, 0)
        taken, missing = source.take(event.quantity)
        lots = carried(event, taken, missing, self._rule.months)
        for lot in lots:
            target.acquire(lot)
        return Moved(lots, sum(part.cost for part in taken if part.lot.known), missing)

    @property
    def scope(self) -> LotScope:
        """In force at the last event."""
        return self._rule.scope

    @property
    def rule(self) -> Rule:
        """In force at the last event."""
        return self._rule

    def _pool(self, place: str) -> Pool:
        pool = self._by_place.get(place)
        if pool is None:
            key = pool_of(place, self._rule.scope)
            if (pool := self.pools.get(key)) is None:
                pool = self.pools[key] = POOLS[self._rule.method]()
            self._by_place[place] = pool
        return pool

    def _change_rule(self) -> None:
        before, self._rule = self._rule, self._rules[self._next]
        self._next += 1
        self._switch = self._rules[self._next].start if self._next < len(self._rules) else _NEVER
        lots = {key: pool.open_lots() for key, pool in self.pools.items()}
        if before.months != self._rule.months:
            for lot in (lot for some in lots.values() for lot in some):
                lot.long_from = long_from(lot.day, self._rule.months)
        if before.scope is not self._rule.scope:
            lots = _merged(lots) if self._rule.scope is LotScope.UNIVERSAL else _distributed(lots, self.held, self.short)
        self.pools = {key: POOLS[self._rule.method](some) for key, some in lots.items()}
        self._by_place = {}


_NEVER = date.max.toordinal()


def rules_from(rules: Sequence[Rule], day: int) -> list[Rule]:
    """Those by which a history goes on that stands at the beginning of `day`."""
    past = [rule for rule in rules[1:] if rule.start < day]
    return [past[-1] if past else rules[0], *(rule for rule in rules[1:] if rule.start >= day)]


def pool_of(place: str, scope: LotScope) -> str:
    return place if scope is LotScope.WALLET else place.rpartition("|")[2]


def lot_of(event: Event, months: int) -> Lot:
    known = event.value is not None
    cost = event.value + event.fee if event.value is not None else 0
    return Lot(event.ref, event.order, event.day, long_from(event.day, months), event.price, event.quantity, cost, known)


def carried(event: Event, taken: Sequence[Taken], missing: int, months: int) -> list[Lot]:
    """The lots that a transfer makes where it arrives: at the same cost and as of the same acquisition. What was missing at its source comes
    with a cost that nobody knows."""
    made = [
        Lot(lot.ref, f"{lot.order}>{event.ref}.{at:04}", lot.day, lot.long_from, lot.price, quantity, cost, lot.known)
        for at, (lot, quantity, cost) in enumerate(taken)
    ]
    if missing:
        made.append(Lot(event.ref, event.order, event.day, long_from(event.day, months), 0, missing, 0, known=False))
    return made


def _merged(lots: dict[str, list[Lot]]) -> dict[str, list[Lot]]:
    merged: dict[str, list[Lot]] = {}
    for place in sorted(lots):
        merged.setdefault(pool_of(place, LotScope.UNIVERSAL), []).extend(lots[place])
    return merged


def _distributed(lots: dict[str, list[Lot]], held: dict[str, int], short: dict[str, int]) -> dict[str, list[Lot]]:
    """To the places that hold the asset, in the order of their names: to each what it holds, the earliest acquired first.

    More is open than is held where something went out that never came in: what comes later does not fill that. The rest goes to the places that
    were short, to each at most as much as it was. Nothing is left then: of an asset, what its places hold and were short of is never less than what
    is open. An acquisition adds to both; what goes out takes from both, from a place until it has nothing, and from the lots until none is open."""
    spread: dict[str, list[Lot]] = {}
    places: dict[str, list[str]] = {}
    for place in sorted(held.keys() | short.keys()):
        places.setdefault(pool_of(place, LotScope.UNIVERSAL), []).append(place)
    for asset, some in lots.items():
        queue, rest = Pool(some), sum(lot.left for lot in some)
        parts = dict.fromkeys(places.get(asset, ()), 0)
        for place in parts:
            parts[place] = part = min(max(held.get(place, 0), 0), rest)
            rest -= part
        for place in parts:
            part = min(short.get(place, 0) + min(held.get(place, 0), 0), rest)
            parts[place] += part
            rest -= part
        assert not rest, "what is open came to a place"
        for place, part in parts.items():
            if part:
                spread[place] = [
                    Lot(lot.ref, f"{lot.order}>{place}", lot.day, lot.long_from, lot.price, quantity, cost, lot.known)
                    for lot, quantity, cost in queue.take(part)[0]
                ]
    return spread
