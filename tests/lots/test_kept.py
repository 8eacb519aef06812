"""Going on from kept lots, of which only those are read that are taken, comes to what a history does that begins at the beginning."""

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import date

import pytest

from crypto_api.lots import kept
from crypto_api.lots.kept import Books, Kept, OutOfOrder, in_line, lines_of, read_pools, sums_of, touched
from crypto_api.lots.rules import History
from crypto_api.lots.types import Disposed, Event, Kind, LotMethod, LotScope, Moved, Outcome, PoolRow, Rule

FIRST = date(2024, 1, 1).toordinal()
PLACES = tuple(f"1100|{wallet}|{asset}" for wallet in ("a", "b", "c") for asset in ("ETH", "WETH"))
NEVER = date.max.toordinal()


class Rows:
    """What the database would hold."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.pools: dict[str, PoolRow] = {}
        self.pages: dict[tuple[str, int], list[str]] = {}
        self.read = 0

    async def books(self, events: Sequence[Event]) -> Books:
        wanted: dict[str, int] = {}
        for event in events:
            source, target = touched(event, self.rule.scope)
            if source:
                wanted[source] = wanted.get(source, 0) + event.quantity
            if target:
                wanted.setdefault(target, 0)
        return Books(self.rule, 0, NEVER, await read_pools(self.pools, self.rule, wanted, self.page))

    async def page(self, key: str, numbers: Collection[int]) -> Mapping[int, Sequence[str]]:
        self.read += len(numbers)
        return {number: self.pages[key, number] for number in numbers if (key, number) in self.pages}

    async def write(self, books: Books) -> None:
        changes = await books.changes(self.page)
        self.pools |= {row.key: row for row in changes.pools}
        for at, lots in changes.pages.items():
            self.pages[at] = lots
        self.pages = {at: lots for at, lots in self.pages.items() if lots}

    def lots(self, key: str) -> list[tuple[str, str]]:
        return in_line(self.pools[key], {number: lots for (pool, number), lots in self.pages.items() if pool == key})


def events_of(seed: int) -> list[Event]:
    """Never more goes out of a place than it holds."""
    chance, held, day, events = random.Random(seed), dict.fromkeys(PLACES, 0), FIRST, list[Event]()
    for number in range(chance.randrange(5, 60)):
        day += chance.choice((0, 1, 30))
        order, place = f"{date.fromordinal(day)}T12:00:00|{number:06}", chance.choice(PLACES)
        kind = chance.choice((Kind.ACQUIRE, Kind.ACQUIRE, Kind.DISPOSE, Kind.MOVE)) if held[place] else Kind.ACQUIRE
        if kind is Kind.ACQUIRE:
            quantity, price = chance.randrange(1, 50) * 10**30, chance.choice((1, 5, 7, 900)) * 10**24
            value = None if chance.random() < 0.05 else chance.randrange(1, 10**12)
            events.append(Event(f"e{number}", order, day, kind, place, quantity, value, chance.randrange(3), price))
        else:
            quantity = held[place] if chance.random() < 0.2 else chance.randrange(1, held[place] + 1)
            target = chance.choice([other for other in PLACES if other != place]) if kind is Kind.MOVE else ""
            events.append(Event(f"e{number}", order, day, kind, place, quantity, chance.randrange(10**12), 0, 0, target))
            held[place] -= quantity
            if target:
                held[target] += quantity
        if kind is Kind.ACQUIRE:
            held[place] += quantity
    return events


def told(outcome: Outcome) -> object:
    """Everything that a booking or a report takes from it; of an average, what a lot that was moved costs is the pool's."""
    if isinstance(outcome, Disposed):
        return [(part.lot.order, part.quantity, part.proceeds, part.cost, part.gain, part.long) for part in outcome.portions], outcome.missing
    return ([(lot.order, lot.quantity, lot.cost) for lot in outcome.lots], outcome.cost, outcome.missing) if isinstance(outcome, Moved) else None


@pytest.mark.parametrize("scope", list(LotScope))
@pytest.mark.parametrize("method", list(LotMethod))
async def test_kept_lots_come_to_what_a_whole_history_does(method: LotMethod, scope: LotScope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PAGE_MAX", 4)  # so that a few lots fill some pages
    monkeypatch.setattr(kept, "PAGE_AT_FIRST", 2)
    rule = Rule(0, method, scope)
    for seed in range(100):
        chance, events = random.Random(seed), events_of(seed)
        whole, rows, at = History([rule]), Rows(rule), 0
        while at < len(events):
            some = events[at : at + chance.choice((1, 1, 3, 10))]
            at += len(some)
            books = await rows.books(some)
            for event in some:
                assert told(books.apply(event)) == told(whole.apply(event)), (seed, event)
            await rows.write(books)
        for key, pool in whole.pools.items():
            assert rows.lots(key) == sorted(lines_of(pool).items()), (seed, key)
            assert (rows.pools[key].quantity, rows.pools[key].cost) == sums_of(pool)


async def test_what_is_behind_something_that_was_taken_is_out_of_order_and_changes_nothing() -> None:
    rule = Rule(0, LotMethod.FIFO, LotScope.WALLET)
    place = PLACES[0]

    def at(number: int, kind: Kind, where: str = place, day: int = FIRST) -> Event:
        return Event(f"e{number}", f"{number:04}", day, kind, where, 10, 100, 0, 1)

    books = Books(rule, FIRST, FIRST + 5, {key: Kept(PoolRow(key, rule.method, "", ""), {}) for key in PLACES})
    for number, kind in (
        (2, Kind.ACQUIRE),
        (1, Kind.ACQUIRE),
        (4, Kind.DISPOSE),
    ):  # late, and nothing went out behind it
        books.apply(at(number, kind))
    before = lines_of(books.pool(place))
    for late in (at(3, Kind.ACQUIRE), at(3, Kind.DISPOSE), at(5, Kind.ACQUIRE, day=FIRST + 5), at(6, Kind.ACQUIRE, day=FIRST - 1)):
        with pytest.raises(OutOfOrder):
            books.apply(late)
    assert lines_of(books.pool(place)) == before
    assert list(before) == ["0002"]
    books.apply(at(3, Kind.ACQUIRE, PLACES[1]))  # of another pool it is in its order
    assert [row.key for row in (await books.changes(Rows(rule).page)).pools] == [place, PLACES[1]]


@pytest.mark.parametrize("method", list(LotMethod))
async def test_what_is_read_does_not_grow_with_what_is_there(method: LotMethod) -> None:
    rule, chance = Rule(0, method, LotScope.WALLET), random.Random(1)
    read = []
    for count in (200, 2000):
        rows = Rows(rule)
        events = [Event(f"e{n}", f"{n:09}", FIRST, Kind.ACQUIRE, PLACES[0], 10, 100, 0, chance.randrange(10**6)) for n in range(count)]
        await rows.write(await rows.books([]))
        for at in range(0, count, 500):
            books = await rows.books(events[at : at + 500])
            for event in events[at : at + 500]:
                books.apply(event)
            await rows.write(books)
        assert len(rows.lots(PLACES[0])) == count and len(rows.pools[PLACES[0]].pages) <= count // 16
        rows.read, more = (
            0,
            [Event(f"f{n}", f"{count + n:09}", FIRST, kind, PLACES[0], 15, 100, 0, 7) for n, kind in enumerate([Kind.DISPOSE, Kind.ACQUIRE])],
        )
        for event in more:
            books = await rows.books([event])
            books.apply(event)
            await rows.write(books)
        read.append(rows.read)
    assert read[0] == read[1] <= 3, read
