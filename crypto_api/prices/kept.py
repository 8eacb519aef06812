"""What is kept of prices, read in three ways: one at a time, all that one moment asks for, or for many times at once."""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from crypto_api.kit.clock import earlier
from crypto_api.kit.rates import Point
from crypto_api.prices import store

SERIES_MAX = 20_000
"""Rates of one pair that are read at once; where there are more of them, each time is asked for by itself, several together."""
FEW = 100
"""Rates entered by people that are read at once for one moment: as many as come with the first answer of the database."""

ASKED_TOGETHER = 12
_BEFORE = timedelta(days=7)  # no source allows an older rate; what a person entered is in force however old it is


class Kept(Protocol):
    """The last rate from before `at`, if there is one."""

    async def manual(self, org_id: str, asset: str, quote: str, at: datetime) -> Point | None: ...

    async def feed(self, address: str, at: datetime) -> Point | None: ...

    async def provider(self, name: str, asset: str, quote: str, at: datetime) -> Point | None: ...


class KeptNow:
    """Read when it is asked for."""

    async def manual(self, org_id: str, asset: str, quote: str, at: datetime) -> Point | None:
        row = await store.manual_at(org_id, asset, quote, at)
        return Point(row.at, row.rate) if row is not None else None

    async def feed(self, address: str, at: datetime) -> Point | None:
        row = await store.kept_oracle(address, at)
        return Point(row.updated_at, row.rate) if row is not None else None

    async def provider(self, name: str, asset: str, quote: str, at: datetime) -> Point | None:
        row = await store.kept_provider(name, asset, quote, at)
        return Point(row.at, row.rate) if row is not None else None


class KeptOnce:
    """For one moment and many assets: nothing is asked twice, and what people entered is read in one go where it is little, as it mostly is. Each
    asset is asked for by each of its names, both ways, and by each currency between."""

    def __init__(self) -> None:
        self._now = KeptNow()
        self._said: dict[tuple[str | datetime, ...], Point | None] = {}
        self._entered: dict[str, dict[tuple[str, str], list[Point]] | None] = {}

    async def manual(self, org_id: str, asset: str, quote: str, at: datetime) -> Point | None:
        if org_id not in self._entered:
            few = await store.few_manual_points(org_id, FEW)
            self._entered[org_id] = _by_pair(few) if few is not None else None
        if (entered := self._entered[org_id]) is not None:
            return _last(entered.get((asset, quote), []), at)
        return await self._once(("manual", org_id, asset, quote, at), lambda: self._now.manual(org_id, asset, quote, at))

    async def feed(self, address: str, at: datetime) -> Point | None:
        return await self._once(("feed", address, at), lambda: self._now.feed(address, at))

    async def provider(self, name: str, asset: str, quote: str, at: datetime) -> Point | None:
        return await self._once(("provider", name, asset, quote, at), lambda: self._now.provider(name, asset, quote, at))

    async def _once(self, key: tuple[str | datetime, ...], ask: Callable[[], Awaitable[Point | None]]) -> Point | None:
        if key not in self._said:
            self._said[key] = await ask()
        return self._said[key]


def _by_pair(found: Sequence[tuple[tuple[str, str], Point]]) -> dict[tuple[str, str], list[Point]]:
    pairs: dict[tuple[str, str], list[Point]] = {}
    for pair, point in found:
        pairs.setdefault(pair, []).append(point)
    return pairs


def _last(series: Sequence[Point], at: datetime) -> Point | None:
    """The last of them up to then; they are in order."""
    index = bisect_right(series, at, key=lambda point: point.at)
    return series[index - 1] if index else None


class KeptSeries:
    """For many times: what was said of a pair is read once, when it is first asked for."""

    def __init__(self, times: Sequence[datetime]) -> None:
        self._times, self._since, self._until = times, min(times), max(times)
        self._now = KeptNow()
        self._read: dict[tuple[str, ...], Sequence[Point] | Mapping[datetime, Point | None]] = {}
        self._looked = False
        self._pairs: dict[tuple[str, str], list[Point]] | None = None

    async def manual(self, org_id: str, asset: str, quote: str, at: datetime) -> Point | None:
        async def rows() -> list[Point]:
            if (entered := await self._entered(org_id)) is not None:
                return entered.get((asset, quote), [])
            first = await self._now.manual(org_id, asset, quote, self._since)
            return ([first] if first is not None else []) + await store.manual_points(org_id, asset, quote, self._since, self._until, SERIES_MAX + 1)

        return await self._at(("manual", asset, quote), rows, at, lambda time: self._now.manual(org_id, asset, quote, time))

    async def _entered(self, org_id: str) -> dict[tuple[str, str], list[Point]] | None:
        """All that people ever entered, by pair: mostly little, while each asset is asked for by each of its names, and both ways. None where it is
        much."""
        if not self._looked:
            self._looked = True
            found = await store.all_manual_points(org_id, self._until, SERIES_MAX + 1)
            if len(found) <= SERIES_MAX:
                self._pairs = _by_pair(found)
        return self._pairs

    async def feed(self, address: str, at: datetime) -> Point | None:
        async def rows() -> list[Point]:
            return await store.oracle_points(address, earlier(self._since, _BEFORE), self._until, SERIES_MAX + 1)

        return await self._at(("feed", address), rows, at, lambda time: self._now.feed(address, time))

    async def provider(self, name: str, asset: str, quote: str, at: datetime) -> Point | None:
        async def rows() -> list[Point]:
            return await store.provider_points(name, asset, quote, earlier(self._since, _BEFORE), self._until, SERIES_MAX + 1)

        return await self._at(("provider", name, asset, quote), rows, at, lambda time: self._now.provider(name, asset, quote, time))

    async def _at(
        self,
        key: tuple[str, ...],
        rows: Callable[[], Awaitable[list[Point]]],
        at: datetime,
        one: Callable[[datetime], Awaitable[Point | None]],
    ) -> Point | None:
        if key not in self._read:
            found = await rows()
            self._read[key] = found if len(found) <= SERIES_MAX else await self._each(one)
        series = self._read[key]
        if isinstance(series, Mapping):
            return series[at] if at in series else await one(at)
        return _last(series, at)

    async def _each(self, one: Callable[[datetime], Awaitable[Point | None]]) -> dict[datetime, Point | None]:
        turns = asyncio.Semaphore(ASKED_TOGETHER)

        async def asked(at: datetime) -> Point | None:
            async with turns:
                return await one(at)

        return dict(zip(self._times, await asyncio.gather(*map(asked, self._times)), strict=True))
