"""The one order of sources. Whoever wants a price, for a booking, a page, a person or a report, goes through here: by hand, feeds, providers and
what was kept of them, as the installation orders them; through another currency where a source quotes in one; and in vain rather than stale."""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from decimal import Decimal

from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig, PriceFeed
from crypto_api.kit.price_settings import HISTORY, MANUAL, ORACLE, PriceProvider
from crypto_api.kit.rates import Point, Refused
from crypto_api.prices import rules, store
from crypto_api.prices.documents import OraclePrice
from crypto_api.prices.kept import Kept, KeptNow
from crypto_api.prices.types import Lookup, Moment, PriceSource, PriceSources, Quote, Sought, Tried

CURRENCIES_BETWEEN = 2
"""Between an asset and the wanted currency: ETH → USDT → USD → EUR is the longest way."""
_KNOWN_WITHIN = timedelta(days=3)


async def look_up(sought: Sought, asset: str, quote: str, outside: PriceSources | None, now: datetime, kept: Kept | None = None) -> Lookup:
    """`outside` None: nobody is asked, and what is kept decides. ChainUnavailable when a booking needs a feed and no node
    answers: that says nothing about the price."""
    search = _Search(sought, outside, now, kept or KeptNow())
    found = await search.find(asset, quote, (asset,))
    return Lookup(found, tuple(dict.fromkeys(search.tried)))


class _Search:
    def __init__(self, sought: Sought, outside: PriceSources | None, now: datetime, kept: Kept) -> None:
        self.sought, self.outside, self.now, self.kept = sought, outside, now, kept
        self.tried: list[Tried] = []

    async def find(self, asset: str, quote: str, way: tuple[str, ...]) -> Quote | None:
        """`way` holds what was come through, so that two sources can never send each other around."""
        if asset == quote:
            return Quote(Decimal(1), PriceSource.IDENTITY, self.sought.at)
        for name in self.sought.pricing.settings.sources():
            if (found := await self._of_source(name, asset, quote, way)) is not None:
                return found
        return None

    async def _of_source(self, name: str, asset: str, quote: str, way: tuple[str, ...]) -> Quote | None:
        if name == MANUAL:
            return await self._manual(asset, quote)
        if name == ORACLE:
            return await self._oracle(asset, quote, way)
        if name == HISTORY:
            return await self._history(asset, quote, way)
        provider = self.sought.pricing.settings.provider(name)
        return await self._provider(provider, asset, quote, way) if provider is not None else None

    async def _onward(self, found: Quote, currency: str, quote: str, way: tuple[str, ...]) -> Quote | None:
        """From the currency that a source quotes in to the wanted one."""
        if currency == quote:
            return found
        if currency in way or len(way) > CURRENCIES_BETWEEN:
            return None
        onward = await self.find(currency, quote, (*way, currency))
        return rules.chain(found, onward) if onward is not None else None

    # ---- by hand ----

    async def _manual(self, asset: str, quote: str) -> Quote | None:
        for name in self.sought.pricing.aliases(asset):
            row = await self.kept.manual(self.sought.org_id, name, quote, self.sought.at)
            if row is not None:
                return Quote(row.rate, PriceSource.MANUAL, row.at, f"entered by hand for {name} in {quote}")
        if (row := await self.kept.manual(self.sought.org_id, quote, asset, self.sought.at)) is not None:
            return rules.inverse(Quote(row.rate, PriceSource.MANUAL, row.at, f"entered by hand for {quote} in {asset}"))
        self._vain(MANUAL, f"nobody entered a price of {asset} in {quote} from before then")
        return None

    # ---- feeds on chain ----

    async def _oracle(self, asset: str, quote: str, way: tuple[str, ...]) -> Quote | None:
        for network in self.sought.pricing.networks:
            for feed in rules.feeds_of(network, rules.priced_as(asset, network)):
                found = await self._named(network, feed)
                if found is None:
                    continue
                if (whole := await self._onward(found, feed.quote, quote, way)) is not None:
                    return whole
                self._vain(found.origin, f"it answers in {feed.quote}, and there is no rate from there to {quote}")
            for feed in rules.feeds_of(network, quote):
                if feed.quote == asset and (found := await self._named(network, feed)) is not None:
                    return rules.inverse(found)
        return None

    async def _named(self, network: NetworkConfig, feed: PriceFeed) -> Quote | None:
        name = _feed_name(network, feed)
        answered = await self._feed(network, feed)
        if isinstance(answered, Refused):
            self._vain(name, answered.reason)
            return None
        return Quote(answered.rate, answered.source, answered.at, name)

    async def _feed(self, network: NetworkConfig, feed: PriceFeed) -> Quote | Refused:
        moment = self.sought.blocks.get(network.slug)
        if moment is not None and self.outside is not None:
            answered = await self._read(self.outside, moment, feed)
        else:
            answered = await self._said_last(feed, Refused("it was never read before then"))
        # A block may itself be old, where following is behind.
        too_old = isinstance(answered, Quote) and self.sought.at - answered.at > timedelta(seconds=max(feed.age_max_s, self.sought.age_max_s or 0))
        return Refused("what it said last is too old") if too_old else answered

    async def _read(self, outside: PriceSources, moment: Moment, feed: PriceFeed) -> Quote | Refused:
        """What the feed says at that block; asked once, then kept."""
        row_id = f"eip155:{moment.network.chain_id}:{moment.block_hash}:{feed.address}"
        if (kept := await store.oracle(row_id)) is not None:
            return Quote(kept.rate, PriceSource.ORACLE, kept.updated_at)
        try:
            told = await outside.read_feed(moment.network.slug, feed.address, moment.block_hash)
        except ChainUnavailable as error:
            if self.sought.booking:
                raise
            return await self._said_last(feed, Refused(f"no node answers: {error.detail}"))
        if told is None:
            return Refused("there is no contract that answers as a feed does")
        judged = rules.judge_round(told, moment.at, feed.age_max_s)
        if isinstance(judged, Quote):
            await self._keep(moment, feed, judged)
        return judged

    async def _keep(self, moment: Moment, feed: PriceFeed, judged: Quote) -> None:
        """Under its block. Whoever only looks keeps a round once, however many blocks it stands for."""
        if not self.sought.booking and await self.kept.feed(feed.address, moment.at) == Point(judged.at, judged.rate):
            return
        row = OraclePrice(
            id=f"eip155:{moment.network.chain_id}:{moment.block_hash}:{feed.address}",
            created_at=self.now,
            network=moment.network.slug,
            feed=feed.address,
            asset=feed.asset,
            quote=feed.quote,
            block_number=moment.block_number,
            rate=judged.rate,
            updated_at=judged.at,
        )
        await store.keep_oracle(row)

    async def _said_last(self, feed: PriceFeed, otherwise: Refused) -> Quote | Refused:
        kept = await self.kept.feed(feed.address, self.sought.at)
        return Quote(kept.rate, PriceSource.ORACLE, kept.at) if kept is not None else otherwise

    # ---- providers over HTTP ----

    async def _provider(self, provider: PriceProvider, asset: str, quote: str, way: tuple[str, ...]) -> Quote | None:
        for name in self.sought.pricing.aliases(asset):
            for currency in rules.asked_for(provider, name, quote):
                point = await self._point(provider, name, currency)
                if isinstance(point, Refused):
                    self._vain(provider.name, f"{name}/{currency}: {point.reason}")
                    continue
                found = Quote(point.rate, PriceSource.PROVIDER, point.at, f"{provider.name} {name}/{currency}")
                if (whole := await self._onward(found, currency, quote, way)) is not None:
                    return whole
                self._vain(provider.name, f"it answers in {currency}, and there is no rate from there to {quote}")
        return None

    async def _point(self, provider: PriceProvider, asset: str, currency: str) -> Point | Refused:
        kept = await self.kept.provider(provider.name, asset, currency, self.sought.at)
        known = (kept,) if kept is not None else ()
        age_max_s = max(provider.age_max_s, self.sought.age_max_s or 0)
        near = isinstance(rules.fresh_point(known, self.sought.at, min(provider.step_s, provider.age_max_s)), Point)
        if near or self.outside is None:
            return rules.fresh_point(known, self.sought.at, age_max_s)
        answer = await self.outside.ask(provider, asset, currency, self.sought.at, self.now)
        told = rules.fresh_point(answer.points, self.sought.at, provider.age_max_s) if answer.points else None
        if isinstance(told, Point):
            if (wrong := await self._leap(provider, asset, currency, told)) is not None:
                return Refused(wrong)
            believed = [point for point in answer.points if rules.leap(point.rate, told.rate, provider.jump_max) is None]
            await store.keep_points(provider.name, asset, currency, believed, self.now)
            return max(told, *known, key=lambda point: point.at) if known else told
        fallen_back = rules.fresh_point(known, self.sought.at, age_max_s)
        if isinstance(fallen_back, Point):
            return fallen_back
        return Refused(answer.problem) if answer.problem else told or fallen_back

    async def _leap(self, provider: PriceProvider, asset: str, currency: str, told: Point) -> str | None:
        """Compared with the nearest that any source said within the days before."""
        near: list[Point] = []
        for network in self.sought.pricing.networks:
            for feed in rules.feeds_of(network, asset):
                row = await self.kept.feed(feed.address, told.at) if feed.quote == currency else None
                near += [row] if row is not None else []
        for other in self.sought.pricing.settings.providers:
            kept = await self.kept.provider(other.name, asset, currency, told.at)
            near += [kept] if kept is not None else []
        near = [point for point in near if told.at - point.at <= _KNOWN_WITHIN]
        return rules.leap(told.rate, max(near, key=lambda point: point.at).rate, provider.jump_max) if near else None

    # ---- what was kept ----

    async def _history(self, asset: str, quote: str, way: tuple[str, ...]) -> Quote | None:
        """The latest that any feed or provider said, as old as the settings allow."""
        settings = self.sought.pricing.settings
        age_max = timedelta(seconds=max(settings.history_age_max_s, self.sought.age_max_s or 0))
        for point, origin, currency in sorted(await self._kept(asset), key=lambda row: row[0].at, reverse=True):
            if self.sought.at - point.at > age_max:
                break
            found = Quote(point.rate, PriceSource.HISTORY, point.at, f"kept of {origin}")
            if (whole := await self._onward(found, currency, quote, way)) is not None:
                return whole
        self._vain(HISTORY, f"nothing that was kept of {asset} is younger than allowed")
        return None

    async def _kept(self, asset: str) -> list[tuple[Point, str, str]]:
        """(rate, who said it, in which currency)"""
        at, asked = self.sought.at, list[tuple[Awaitable[Point | None], str, str]]()
        for network in self.sought.pricing.networks:
            for feed in rules.feeds_of(network, rules.priced_as(asset, network)):
                asked.append((self.kept.feed(feed.address, at), _feed_name(network, feed), feed.quote))
        for provider in self.sought.pricing.settings.providers:
            for name in self.sought.pricing.aliases(asset):
                for currency in provider.quotes if name in provider.assets else ():
                    asked.append((self.kept.provider(provider.name, name, currency, at), f"{provider.name} {name}/{currency}", currency))
        return [(point, origin, currency) for said, origin, currency in asked if (point := await said) is not None]

    def _vain(self, source: str, outcome: str) -> None:
        self.tried.append(Tried(source, outcome))


def _feed_name(network: NetworkConfig, feed: PriceFeed) -> str:
    return f"feed {feed.asset}/{feed.quote} on {network.name}"
