"""What is kept of prices, read in two ways: one at a time, or for many times at once."""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from crypto_api.kit.rates import Point
from crypto_api.prices import store

SERIES_MAX = 5_000
"""Rates of one pair that are read at once; where there are more of them, each time is asked for by itself."""
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


class KeptSeries:
    """For many times between `since` and `until`: what was said of a pair is read once, when it is first asked for."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self._since, self._until = since, until
        self._now = KeptNow()
        self._read: dict[tuple[str, ...], Sequence[Point] | None] = {}

    async def manual(self, org_id: str, asset: str, quote: str, at: datetime) -> Point | None:
        async def rows() -> list[Point]:
            first = await self._now.manual(org_id, asset, quote, self._since)
            found = await store.manual_between(org_id, asset, quote, self._since, self._until, SERIES_MAX + 1)
            return ([first] if first is not None else []) + [Point(row.at, row.rate) for row in found]

        return await self._at(("manual", asset, quote), rows, at, lambda: self._now.manual(org_id, asset, quote, at))

    async def feed(self, address: str, at: datetime) -> Point | None:
        async def rows() -> list[Point]:
            found = await store.kept_oracles(address, self._since - _BEFORE, self._until, SERIES_MAX + 1)
            return [Point(row.updated_at, row.rate) for row in found]

        return await self._at(("feed", address), rows, at, lambda: self._now.feed(address, at))

    async def provider(self, name: str, asset: str, quote: str, at: datetime) -> Point | None:
        async def rows() -> list[Point]:
            found = await store.kept_providers(name, asset, quote, self._since - _BEFORE, self._until, SERIES_MAX + 1)
            return [Point(row.at, row.rate) for row in found]

        return await self._at(("provider", name, asset, quote), rows, at, lambda: self._now.provider(name, asset, quote, at))

    async def _at(
        self, key: tuple[str, ...], rows: Callable[[], Awaitable[list[Point]]], at: datetime, one: Callable[[], Awaitable[Point | None]]
    ) -> Point | None:
        if key not in self._read:
            found = await rows()
            self._read[key] = found if len(found) <= SERIES_MAX else None
        series = self._read[key]
        if series is None:
            return await one()
        index = bisect_right(series, at, key=lambda point: point.at)
        return series[index - 1] if index else None
